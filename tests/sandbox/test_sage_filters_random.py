"""Random filters: what the Web API answers is what Python finds in the same records."""

from __future__ import annotations

import datetime as dt
import typing as t
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if t.TYPE_CHECKING:
    from collections.abc import Callable

FILTERS = 1000

_TEXTS = ("VendorName", "City", "ShortName", "VendorNumber", "AddressLine2", "GLAccount")
_ENUMS = {
    "Status": ("Inactive", "Active"),
    "OnHold": ("NotOnHold", "OnHold"),
    "DistributionType": ("DistributionSet", "DistributionCode", "GLAccount", "None"),
}
_AMOUNTS = ("CreditLimit", "BalanceDueInVendorCurrency", "TotalInvoicesPaidFunctionalCurr")
_COUNTS = ("NumberOfPaidInvoices", "TotalNumberOfPayments", "TaxClassCode1")
_DATES = ("DateLastMaintained", "InactiveDate", "StartDate", "DateOfLastActivity")
_COMPARE: dict[str, Callable[[t.Any, t.Any], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}
_FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "startswith": lambda a, b: a.startswith(b),
    "endswith": lambda a, b: a.endswith(b),
    "contains": lambda a, b: b in a,
}


@dataclass(frozen=True)
class Filter:
    """A filter as it is sent, and what it means."""

    text: str
    holds: Callable[[dict[str, t.Any]], bool]

    def __repr__(self) -> str:
        return self.text


def _compared(name: str, operator: str, literal: str, value: t.Any) -> Filter:
    compare = _COMPARE[operator]

    def holds(record: dict[str, t.Any]) -> bool:
        found = record[name]
        if found is None or value is None:
            # Nothing is greater or smaller than null, and only null equals it.
            return operator in ("eq", "ne") and compare(found, value)
        return compare(found, value)

    return Filter(f"{name} {operator} {literal}", holds)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _of_text(values: st.SearchStrategy[str]) -> st.SearchStrategy[Filter]:
    compared = st.builds(
        lambda name, operator, value: _compared(name, operator, _quoted(value), value),
        st.sampled_from(_TEXTS),
        st.sampled_from(sorted(_COMPARE)),
        values,
    )
    parts = values.flatmap(
        lambda text: st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(
            lambda ends: text[min(ends) : max(ends)]
        )
    )
    called = st.builds(
        lambda name, function, part: Filter(
            f"{function}({name},{_quoted(part)})",
            lambda record: _FUNCTIONS[function](record[name], part),
        ),
        st.sampled_from(_TEXTS),
        st.sampled_from(sorted(_FUNCTIONS)),
        parts,
    )
    measured = st.builds(
        lambda name, operator, size: Filter(
            f"length({name}) {operator} {size}",
            lambda record: _COMPARE[operator](len(record[name]), size),
        ),
        st.sampled_from(_TEXTS),
        st.sampled_from(sorted(_COMPARE)),
        st.integers(0, 40),
    )
    return st.one_of(compared, called, measured)


def _of_enums() -> st.SearchStrategy[Filter]:
    return st.sampled_from(sorted(_ENUMS)).flatmap(
        lambda name: st.builds(
            lambda operator, member: _compared(name, operator, _quoted(member), member),
            st.sampled_from(("eq", "ne")),
            st.sampled_from(_ENUMS[name]),
        )
    )


def _of_numbers() -> st.SearchStrategy[Filter]:
    amounts = st.decimals(-10, 90000, places=3)
    whole = st.integers(-2, 12).map(Decimal)
    return st.one_of(
        st.builds(
            lambda name, operator, value: _compared(name, operator, str(value), value),
            st.sampled_from(names),
            st.sampled_from(sorted(_COMPARE)),
            values,
        )
        for names, values in ((_AMOUNTS, amounts), (_AMOUNTS, whole), (_COUNTS, whole))
    )


def _of_dates() -> st.SearchStrategy[Filter]:
    days = st.dates(dt.date(2017, 1, 1), dt.date(2027, 1, 1))
    literals = st.one_of(st.just("null"), days.map(lambda day: f"{day}T00:00:00Z"))
    return st.builds(
        lambda name, operator, literal: _compared(
            name, operator, literal, None if literal == "null" else literal
        ),
        st.sampled_from(_DATES),
        st.sampled_from(sorted(_COMPARE)),
        literals,
    )


def _joined(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    negated = st.builds(
        lambda one: Filter(f"not ({one.text})", lambda record: not one.holds(record)), inner
    )
    both = st.builds(
        lambda one, other: Filter(
            f"({one.text} and {other.text})",
            lambda record: one.holds(record) and other.holds(record),
        ),
        inner,
        inner,
    )
    either = st.builds(
        lambda one, other: Filter(
            f"({one.text} or {other.text})",
            lambda record: one.holds(record) or other.holds(record),
        ),
        inner,
        inner,
    )
    return st.one_of(negated, both, either)


@pytest.fixture(scope="module")
def many(start, client_of):
    """A client and all its vendors."""
    with start(vendors=200, batches=40) as sandbox:
        client = client_of(sandbox)
        yield client, client.records("APVendors")
        client.session.close()


def test_random_filters_answer_what_python_finds(many):
    client, vendors = many
    values = sorted({vendor[name] for vendor in vendors for name in _TEXTS})
    simple = st.one_of(_of_text(st.sampled_from(values)), _of_enums(), _of_numbers(), _of_dates())
    url, found = client.url("APVendors"), []

    @settings(
        max_examples=FILTERS,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.recursive(simple, _joined, max_leaves=6))
    def check(one: Filter) -> None:
        params = {"$filter": one.text, "$select": "VendorNumber", "$count": "true"}
        answer = client.session.get(url, params=params)
        assert answer.status_code == 200, answer.text
        wanted = [vendor["VendorNumber"] for vendor in vendors if one.holds(vendor)]
        page = answer.json()
        assert [vendor["VendorNumber"] for vendor in page["value"]] == wanted[:100]
        assert page["@odata.count"] == len(wanted)
        found.append(len(wanted))

    check()
    assert len(found) >= FILTERS
    # Or the filters would show nothing.
    told_apart = sum(0 < count < len(vendors) for count in found)
    assert told_apart > FILTERS / 4
