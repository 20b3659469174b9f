"""Cost centres by rules: which rule gives the code, what is held, and the remarks at the end."""

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


def rules(*listed: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"rules": {"cost_center": list(listed)}}


def account(singer: Singer, number: str, segment: str = "", **fields: str) -> dict[str, t.Any]:
    optional = [{"OptionalField": name, "Value": value} for name, value in fields.items()]
    return singer.account(number, AccountSegmentCode2=segment, AccountOptionalFields=optional)


def accounts(singer: Singer, *records: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    return [singer.schema("GLAccounts", AccountOptionalFields={}, UnformattedAccount={}), *records]


def centers(instance: Instance) -> dict[str, str]:
    """The cost centre's code by the account that points at it."""
    codes = {row["sys_id"]: row["code"] for row in instance.rows(CENTERS)}
    rows = instance.by_source(ACCOUNTS)
    return {number: codes.get(row["cost_center"], "") for number, row in rows.items()}


def remarks(instance: Instance) -> list[str]:
    """What the last run logged about the rules."""
    return [line for line in instance.logged("INFO") if " of cost_center" in line]


@pytest.mark.parametrize(
    ("listed", "codes"),
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
def test_the_first_matching_rule_gives_the_code(
    instance: Instance, singer: Singer, listed: list[dict[str, t.Any]], codes: dict[str, str]
) -> None:
    overrides = rules(*listed)
    messages = accounts(
        singer,
        account(singer, "6000", "100"),
        account(singer, "6100", "200", COSTCTR="F1 "),
        account(singer, "7000", OTHER="x"),
        account(singer, "7100", COSTCTR="F2"),
    )
    assert instance.run(messages, mapping_overrides=overrides).code == 0
    assert centers(instance) == codes
    assert instance.by_source(CENTERS).keys() == set(codes.values()) - {""}
    instance.take_counters()
    assert instance.run(messages, mapping_overrides=overrides).code == 0
    assert instance.written() == (0, 0)


def test_the_default_rule_uses_the_second_segment(instance: Instance, singer: Singer) -> None:
    one, other = account(singer, "6000", "100"), account(singer, "6100", "100")
    assert instance.run(singer.accounts(one, other, account(singer, "1000"))).code == 0
    [center] = instance.rows(CENTERS)
    assert (center["code"], center["name"]) == ("100", "Segment 100")
    assert center["correlation_id"] == "sage300:SAMINC:CostCenter:100"
    assert center["company_code"] == "SAMINC"
    assert centers(instance) == {"6000": "100", "6100": "100", "1000": ""}
    assert instance.counts(CENTERS) == {"created": 1}


def test_a_line_takes_the_cost_center_of_its_account(instance: Instance, singer: Singer) -> None:
    gl = singer.accounts(account(singer, "6000", "100"), account(singer, "1000"))
    lines = [{"LineNumber": n, "GLAccount": number} for n, number in enumerate(("6000", "1000"))]
    batch = singer.batches(singer.batch(1, {"InvoiceDetails": lines}))
    assert instance.run([*gl, *batch]).code == 0
    [center] = instance.rows(CENTERS)
    rows = instance.by_source(LINES)
    assert (rows["0"]["cost_center"], rows["1"]["cost_center"]) == (center["sys_id"], "")
    assert rows["0"]["gl_account"] == instance.by_source(ACCOUNTS)["6000"]["sys_id"]
    instance.take_counters()
    assert instance.run([*gl, *batch]).code == 0
    assert instance.written() == (0, 0)
    # The account is not in this run: the line takes what ServiceNow has.
    moved = singer.accounts(account(singer, "6000", "200"))
    assert instance.run(moved).code == 0
    assert instance.run(batch).code == 0
    assert (
        instance.by_source(LINES)["0"]["cost_center"]
        == (instance.by_source(CENTERS)["200"]["sys_id"])
    )


def test_accounts_without_a_matching_rule_are_held_with_their_lines(
    instance: Instance, singer: Singer
) -> None:
    overrides = rules(BY_RANGE, HOLD)
    gl = accounts(singer, account(singer, "6000"), account(singer, "9000", "900"))
    lines = [{"LineNumber": n, "GLAccount": number} for n, number in enumerate(("6000", "9000"))]
    batch = singer.batches(singer.batch(1, {"InvoiceDetails": lines}))
    result = instance.run([*gl, *batch, singer.state({"n": 1})], mapping_overrides=overrides)
    assert (result.code, result.states) == (0, [{"n": 1}])
    assert centers(instance) == {"6000": "ADMIN"}
    assert instance.by_source(LINES).keys() == {"0"}
    assert instance.rejects() == {
        "9000": ("held", "no rule of cost_center matches it"),
        "1": (
            "held",
            (
                "gl_account points at sage300:SAMINC:GLAccount:9000, which is not in "
                "itfm_gl_accounts"
            ),
        ),
    }
    assert instance.counts(ACCOUNTS) == {"created": 1, "held": 1}
    assert remarks(instance) == ["1 record matches no rule of cost_center: 9000"]

    assert (
        instance.run([], mapping_overrides=overrides).code == 0
    )  # under the same rules it is still held
    assert instance.rejects().keys() == {"9000", "1"}

    overrides = rules(BY_RANGE, BY_SEGMENT, HOLD)
    assert instance.run([], mapping_overrides=overrides).code == 0
    assert instance.rejects() == {}
    assert centers(instance) == {"6000": "ADMIN", "9000": "900"}
    center = instance.by_source(CENTERS)["900"]["sys_id"]
    assert instance.by_source(LINES)["1"]["cost_center"] == center


def test_unmapped_accounts_and_shadowed_rules_are_reported(
    instance: Instance, singer: Singer
) -> None:
    gl = accounts(
        singer,
        account(singer, "6000", "100"),
        account(singer, "6100", "200"),
        account(singer, "7000"),
        account(singer, "7100", COSTCTR="F"),
        account(singer, "7200"),
    )
    overrides = rules(BY_SEGMENT, BY_RANGE, BY_FIELD)
    assert instance.run(gl, mapping_overrides=overrides).code == 0
    assert remarks(instance) == [
        "2 records match no rule of cost_center: 7000, 7200",
        (
            "Rule 2 of cost_center ('6000' <= UnformattedAccount <= '6199') is shadowed: earlier "
            "rules match every record that it matches (2)"
        ),
    ]


def test_only_the_first_twenty_unmapped_accounts_are_listed(
    instance: Instance, singer: Singer
) -> None:
    numbers = [str(n) for n in range(7000, 7025)]
    gl = accounts(singer, *(account(singer, number) for number in numbers))
    assert instance.run(gl, mapping_overrides=rules(BY_RANGE)).code == 0
    assert remarks(instance) == [
        f"25 records match no rule of cost_center: {', '.join(numbers[:20])}, ..."
    ]


def test_no_cost_centers_without_a_second_segment(instance: Instance, singer: Singer) -> None:
    messages = singer.accounts(*(singer.account(str(n)) for n in range(3)))
    assert instance.run(messages).code == 0
    assert instance.rows(CENTERS) == []
    assert {row["cost_center"] for row in instance.rows(ACCOUNTS)} == {""}
