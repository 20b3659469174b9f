"""$filter: every operator compared with plain Python over the same records, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

DAY = "2025-06-01T00:00:00Z"
YESTERDAY = "2026-11-19T00:00:00Z"


def _date(record):
    return record["DateLastMaintained"] or ""


VENDOR_FILTERS = {
    "VendorNumber eq '1500'": lambda r: r["VendorNumber"] == "1500",
    "VendorNumber gt '1500'": lambda r: r["VendorNumber"] > "1500",
    "VendorNumber ge '1500' and VendorNumber le '1600'": lambda r: (
        "1500" <= r["VendorNumber"] <= "1600"
    ),
    "VendorNumber lt '1100' or VendorNumber eq '1500'": lambda r: (
        r["VendorNumber"] < "1100" or r["VendorNumber"] == "1500"
    ),
    f"DateLastMaintained ge {DAY}": lambda r: _date(r) >= DAY,
    f"DateLastMaintained gt {DAY}": lambda r: _date(r) > DAY,
    f"DateLastMaintained lt {DAY}": lambda r: "" < _date(r) < DAY,
    "DateLastMaintained ge 2025-06-01T02:00:00%2B02:00": lambda r: _date(r) >= DAY,
    "DateLastMaintained eq null": lambda r: r["DateLastMaintained"] is None,
    "DateLastMaintained ne null": lambda r: r["DateLastMaintained"] is not None,
    f"DateLastMaintained ne {YESTERDAY}": lambda r: _date(r) != YESTERDAY,
    # A comparison with null is false, so its negation holds for vendors without a date.
    f"not (DateLastMaintained ge {DAY})": lambda r: _date(r) < DAY,
    f"not(DateLastMaintained ge {DAY})": lambda r: _date(r) < DAY,
    "CreditLimit gt 5000.00": lambda r: r["CreditLimit"] > 5000,
    "CreditLimit eq 25000": lambda r: r["CreditLimit"] == 25000,
    "5000 le CreditLimit": lambda r: r["CreditLimit"] >= 5000,
    "BalanceDueInVendorCurrency gt 1000.5": lambda r: (
        r["BalanceDueInVendorCurrency"] > Decimal("1000.5")
    ),
    "BalanceDueInVendorCurrency gt -1": lambda _: True,
    "NumberOfPaidInvoices ge 1": lambda r: r["NumberOfPaidInvoices"] >= 1,
    "OnHold eq 'OnHold' or Status ne 'Active'": lambda r: (
        r["OnHold"] == "OnHold" or r["Status"] != "Active"
    ),
    "Status eq 'Active' and (GroupCode eq 'INV' or GroupCode eq 'SVC') and Terms ne 'NET30'": (
        lambda r: (
            r["Status"] == "Active" and r["GroupCode"] in ("INV", "SVC") and r["Terms"] != "NET30"
        )
    ),
    "GroupCode eq 'INV' or GroupCode eq 'SVC' and Terms eq 'NET30'": lambda r: (
        r["GroupCode"] == "INV" or (r["GroupCode"] == "SVC" and r["Terms"] == "NET30")
    ),
    "VendorName eq 'Driver''s Edge Tires'": lambda r: r["VendorName"] == "Driver's Edge Tires",
    "VendorName eq 'Café Été %26 Fils'": lambda r: r["VendorName"] == "Café Été & Fils",
    "startswith(VendorName,'S')": lambda r: r["VendorName"].startswith("S"),
    "startswith(VendorName,'s')": lambda r: r["VendorName"].startswith("s"),
    "endswith(VendorName,'Inc.')": lambda r: r["VendorName"].endswith("Inc."),
    "endswith(VendorName,'')": lambda _: True,
    "contains(VendorName, '''')": lambda r: "'" in r["VendorName"],
    "contains(VendorName, '_') or contains(VendorName, '%25')": lambda r: (
        "_" in r["VendorName"] or "%" in r["VendorName"]
    ),
    "length(VendorName) gt 25": lambda r: len(r["VendorName"]) > 25,
    "FATCA eq false and GLAccount eq ''": lambda r: not r["FATCA"] and r["GLAccount"] == "",
    "contains(VendorName,'e') eq false": lambda r: "e" not in r["VendorName"],
    "APVersion eq '71A' and AddressLine2 ne ''": lambda r: r["AddressLine2"] != "",
}


HOLD_FOR_ALL = {"endswith(VendorName,'')", "BalanceDueInVendorCurrency gt -1"}
HOLD_FOR_NONE = {"startswith(VendorName,'s')"}


@pytest.fixture(scope="module")
def reader(start, client_of):
    """Enough vendors that every name which is hard on escaping is among them."""
    with start(vendors=700, batches=60) as sandbox:
        client = client_of(sandbox)
        yield client
        client.session.close()


@pytest.mark.parametrize("text", VENDOR_FILTERS)
def test_filters_vendors_as_the_condition_says(reader, text):
    answer = reader.session.get(
        reader.url(f"APVendors?$count=true&$select=VendorNumber&$filter={text}")
    )
    assert answer.status_code == 200, answer.text
    wanted = [r["VendorNumber"] for r in reader.records("APVendors") if VENDOR_FILTERS[text](r)]
    page = answer.json()
    assert page["@odata.count"] == len(wanted)
    assert [record["VendorNumber"] for record in page["value"]] == wanted[:100]


def test_the_conditions_above_select_some_vendors_and_not_others(reader):
    """They have to hold for some vendors and not for others, or they show nothing."""
    vendors = reader.records("APVendors")
    for text, holds in VENDOR_FILTERS.items():
        held = sum(holds(vendor) for vendor in vendors)
        if text not in HOLD_FOR_ALL | HOLD_FOR_NONE:
            assert 0 < held < len(vendors), text


def test_functions_are_v4s_and_no_others(reader):
    functions = {
        "startswith(VendorName,'S')": lambda name: name.startswith("S"),
        "endswith(VendorName,'Inc.')": lambda name: name.endswith("Inc."),
        "contains(VendorName,'ee')": lambda name: "ee" in name,
        "length(VendorName) gt 25": lambda name: len(name) > 25,
    }
    names = [vendor["VendorName"] for vendor in reader.records("APVendors")]
    for text, holds in functions.items():
        count = reader.page("APVendors", filter=text, count="true", top=0)["@odata.count"]
        assert 0 < count == sum(holds(name) for name in names) < len(names)
    assert reader.refusal("APVendors", filter="substringof('ee',VendorName)")[2].startswith(
        "An unknown function with name 'substringof' was found."
    )


def test_filters_batches_by_status_and_number(reader):
    page = reader.page(
        "APInvoiceBatches",
        filter="BatchNumber gt 50 and (BatchStatus eq 'Open' or BatchStatus eq 'ReadyToPost')",
        select="BatchNumber",
    )
    wanted = [
        batch["BatchNumber"]
        for batch in reader.records("APInvoiceBatches")
        if batch["BatchStatus"] in ("Open", "ReadyToPost") and batch["BatchNumber"] > 50
    ]
    assert [batch["BatchNumber"] for batch in page["value"]] == wanted != []


def test_names_that_begin_like_an_operator_are_properties(reader):
    page = reader.page(
        "GLAccounts", filter="AllocationsAllowed eq 'NoAllocation'", count="true", top=0
    )
    assert page["@odata.count"] == 180


def test_a_long_chain_of_alternatives_is_taken(reader):
    text = " or ".join(f"BatchNumber eq {number}" for number in range(1, 90))
    assert len(reader.page("APInvoiceBatches", filter=text)["value"]) == 60


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("DateLastMaintained ge '2024-01-01'", "'Edm.DateTimeOffset' and 'Edm.String'"),
        ("DateLastMaintained ge '2024-01-01T00:00:00Z'", "operator kind 'GreaterThanOrEqual'"),
        ("DateLastMaintained ge 2024-01-01", "'Edm.Date'"),
        ("DateLastMaintained ge 2024-01-01T00:00:00", "literal '2024-01-01T00:00:00'"),
        ("DateLastMaintained ge 2024-02-30T00:00:00Z", "2024-02-30"),
        ("DateLastMaintained ge datetime'2024-01-01T00:00:00'", "Syntax error"),
        ("CreditLimit gt 99.99m", "Syntax error"),
        ("substringof('a',VendorName)", "unknown function with name 'substringof'"),
        ("tolower(VendorName) eq 'a'", "unknown function with name 'tolower'"),
        ("startswith(CreditLimit,'1')", "No function signature"),
        ("vendornumber eq '1'", "Could not find a property named 'vendornumber'"),
        ("Invoices/any(i: i/VendorNumber eq '1')", "not supported"),
        ("VendorOptionalFieldValues eq null", "Could not find a property named"),
        ("VendorNumber eq 1000", "'Edm.String' and 'Edm.Int32'"),
        ("CreditLimit eq '1000'", "'Edm.Decimal' and 'Edm.String'"),
        ("Status eq 'active'", "'active' is not a valid enumeration type constant"),
        ("Status gt 'Active'", "operator kind 'GreaterThan'"),
        ("CreditLimit add 1 gt 2", "BinOp is not supported"),
        ("VendorNumber in ('1000','1010')", "In is not supported"),
        ("VendorNumber", "not a condition"),
        ("VendorNumber eq '1000' and 'x'", "not a condition"),
        ("VendorNumber eq", "Syntax error"),
        ("VendorNumber eq '1000", "Syntax error"),
        ("not " * 60 + "(FATCA eq true)", "nested deeper"),
        ("x'; DROP TABLE company; --", "Syntax error"),
    ],
)
def test_refuses_as_a_strict_v4_server_does(reader, text, message):
    status, code, sentence = reader.refusal("APVendors", filter=text)
    assert (status, code) == (400, "InvalidParameters")
    assert message in sentence
