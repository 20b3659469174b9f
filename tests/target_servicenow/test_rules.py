"""Cost centres by rules: which rule gives the code, what waits, and what is said at the end."""

from __future__ import annotations

import typing as t

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

CENTERS, ACCOUNTS, LINES = "cmn_cost_center", "itfm_gl_accounts", "sn_apo_invoice_line"
FIELD = "optional_field(AccountOptionalFields, 'COSTCTR')"
BY_SEGMENT = {"when": "AccountSegmentCode2 != ''", "code": "AccountSegmentCode2"}
BY_RANGE = {
    "when": "'6000' <= UnformattedAccount <= '6199'",
    "code": "'ADMIN'",
    "name": "'Administration'",
}
BY_FIELD = {"when": f"{FIELD} != ''", "code": FIELD}
HOLD = {"otherwise": "hold"}


def rules(*given: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"tables": {}, "rules": {"cost_center": list(given)}}


def account(sage: Singer, number: str, segment: str = "", **fields: str) -> dict[str, t.Any]:
    optional = [{"OptionalField": name, "Value": value} for name, value in fields.items()]
    return sage.account(number, AccountSegmentCode2=segment, AccountOptionalFields=optional)


def accounts(sage: Singer, *records: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    return [sage.schema("GLAccounts", AccountOptionalFields={}, UnformattedAccount={}), *records]


def centers(instance: Instance) -> dict[str, str]:
    """The cost centre's code by the account that points at it."""
    codes = {row["sys_id"]: row["code"] for row in instance.rows(CENTERS)}
    rows = instance.by_source(ACCOUNTS)
    return {number: codes.get(row["cost_center"], "") for number, row in rows.items()}


def remarks(instance: Instance) -> list[str]:
    """What the last run said of the rules."""
    return [line for line in instance.said("INFO") if " of cost_center" in line]


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        ([BY_SEGMENT], {"6000": "100", "6100": "200", "7000": "", "7100": ""}),
        ([BY_RANGE], {"6000": "ADMIN", "6100": "ADMIN", "7000": "", "7100": ""}),
        ([BY_FIELD], {"6000": "", "6100": "F1", "7000": "", "7100": "F2"}),
        ([BY_RANGE, BY_FIELD], {"6000": "ADMIN", "6100": "ADMIN", "7000": "", "7100": "F2"}),
        ([BY_FIELD, BY_SEGMENT], {"6000": "100", "6100": "F1", "7000": "", "7100": "F2"}),
        (
            [BY_FIELD, {"code": "'REST'"}],
            {"6000": "REST", "6100": "F1", "7000": "REST", "7100": "F2"},
        ),
        (
            [BY_SEGMENT, {"otherwise": "none"}],
            {"6000": "100", "6100": "200", "7000": "", "7100": ""},
        ),
    ],
    ids=["segment", "range", "field", "range, field", "field, segment", "field, rest", "none"],
)
def test_the_first_rule_that_fits_gives_the_code(
    whole: Instance, sage: Singer, given: list[dict[str, t.Any]], codes: dict[str, str]
) -> None:
    whole.base = rules(*given)
    messages = accounts(
        sage,
        account(sage, "6000", "100"),
        account(sage, "6100", "200", COSTCTR="F1 "),
        account(sage, "7000", OTHER="x"),
        account(sage, "7100", COSTCTR="F2"),
    )
    assert whole.run(messages).code == 0
    assert centers(whole) == codes
    assert whole.by_source(CENTERS).keys() == set(codes.values()) - {""}
    whole.counted()
    assert whole.run(messages).code == 0
    assert whole.written() == (0, 0)


def test_the_shipped_rule_takes_the_second_segment(whole: Instance, sage: Singer) -> None:
    one, other = account(sage, "6000", "100"), account(sage, "6100", "100")
    assert whole.run(sage.accounts(one, other, account(sage, "1000"))).code == 0
    [center] = whole.rows(CENTERS)
    assert (center["code"], center["name"]) == ("100", "Segment 100")
    assert center["correlation_id"] == "sage300:SAMINC:CostCenter:100"
    assert center["company_code"] == "SAMINC"
    assert centers(whole) == {"6000": "100", "6100": "100", "1000": ""}
    assert whole.counts(CENTERS) == {"created": 1}


def test_a_line_takes_the_cost_center_of_its_account(whole: Instance, sage: Singer) -> None:
    gl = sage.accounts(account(sage, "6000", "100"), account(sage, "1000"))
    lines = [{"LineNumber": n, "GLAccount": number} for n, number in enumerate(("6000", "1000"))]
    batch = sage.batches(sage.batch(1, {"InvoiceDetails": lines}))
    assert whole.run([*gl, *batch]).code == 0
    [center] = whole.rows(CENTERS)
    rows = whole.by_source(LINES)
    assert (rows["0"]["cost_center"], rows["1"]["cost_center"]) == (center["sys_id"], "")
    assert rows["0"]["gl_account"] == whole.by_source(ACCOUNTS)["6000"]["sys_id"]
    whole.counted()
    assert whole.run([*gl, *batch]).code == 0
    assert whole.written() == (0, 0)
    # The account is not in this run: what stands in ServiceNow counts.
    moved = sage.accounts(account(sage, "6000", "200"))
    assert whole.run(moved).code == 0
    assert whole.run(batch).code == 0
    assert whole.by_source(LINES)["0"]["cost_center"] == (whole.by_source(CENTERS)["200"]["sys_id"])


def test_accounts_no_rule_fits_wait_with_their_lines(whole: Instance, sage: Singer) -> None:
    whole.base = rules(BY_RANGE, HOLD)
    gl = accounts(sage, account(sage, "6000"), account(sage, "9000", "900"))
    lines = [{"LineNumber": n, "GLAccount": number} for n, number in enumerate(("6000", "9000"))]
    batch = sage.batches(sage.batch(1, {"InvoiceDetails": lines}))
    ended = whole.run([*gl, *batch, sage.state({"n": 1})])
    assert (ended.code, ended.states) == (0, [{"n": 1}])
    assert centers(whole) == {"6000": "ADMIN"}
    assert whole.by_source(LINES).keys() == {"0"}
    assert whole.rejects() == {
        "9000": ("held", "no rule of cost_center matches it"),
        "1": (
            "held",
            (
                "gl_account points at sage300:SAMINC:GLAccount:9000, which itfm_gl_accounts does "
                "not hold"
            ),
        ),
    }
    assert whole.counts(ACCOUNTS) == {"created": 1, "held": 1}
    assert remarks(whole) == ["1 records match no rule of cost_center: 9000"]

    assert whole.run([]).code == 0  # under the same rules it goes on waiting
    assert whole.rejects().keys() == {"9000", "1"}

    whole.base = rules(BY_RANGE, BY_SEGMENT, HOLD)
    assert whole.run([]).code == 0
    assert whole.rejects() == {}
    assert centers(whole) == {"6000": "ADMIN", "9000": "900"}
    center = whole.by_source(CENTERS)["900"]["sys_id"]
    assert whole.by_source(LINES)["1"]["cost_center"] == center


def test_unmapped_accounts_and_shadowed_rules_are_named(whole: Instance, sage: Singer) -> None:
    whole.base = rules(BY_SEGMENT, BY_RANGE, BY_FIELD)
    gl = accounts(
        sage,
        account(sage, "6000", "100"),
        account(sage, "6100", "200"),
        account(sage, "7000"),
        account(sage, "7100", COSTCTR="F"),
        account(sage, "7200"),
    )
    assert whole.run(gl).code == 0
    assert remarks(whole) == [
        "2 records match no rule of cost_center: 7000, 7200",
        (
            "Rule 2 of cost_center ('6000' <= UnformattedAccount <= '6199') is shadowed: earlier "
            "rules match all 2 records that it matches"
        ),
    ]


def test_only_the_first_twenty_unmapped_accounts_are_named(whole: Instance, sage: Singer) -> None:
    whole.base = rules(BY_RANGE)
    numbers = [str(n) for n in range(7000, 7025)]
    assert whole.run(accounts(sage, *(account(sage, number) for number in numbers))).code == 0
    assert remarks(whole) == [
        f"25 records match no rule of cost_center: {', '.join(numbers[:20])}, ..."
    ]


def test_a_company_without_the_second_segment_needs_no_cost_centers(
    whole: Instance, sage: Singer
) -> None:
    messages = sage.accounts(*(sage.account(str(n)) for n in range(3)))
    assert whole.run(messages).code == 0
    assert whole.rows(CENTERS) == []
    assert {row["cost_center"] for row in whole.rows(ACCOUNTS)} == {""}
