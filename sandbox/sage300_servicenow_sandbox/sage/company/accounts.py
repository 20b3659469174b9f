"""GL accounts: a chart of accounts, split by division and region as far as the plan needs."""

from __future__ import annotations

import datetime as dt
import typing as t
from functools import cache
from itertools import product

from sage300_servicenow_sandbox.sage.company.plan import tables

if t.TYPE_CHECKING:
    import random

    from sage300_servicenow_sandbox.sage.company.plan import CompanyPlan

_STRUCTURES = {1: "ACCT", 2: "ACDV", 3: "ACDVRG"}
_EXPENSE_SPLITS = 8
_SITES = 20


def most_accounts() -> int:
    """Return how many different accounts there can be."""
    return len(tables()["chart"]) * len(_splits())


def account(plan: CompanyPlan, index: int) -> dict[str, t.Any]:
    """Return the non-empty properties of one account; `index` counts from 0."""
    chart = tables()["chart"]
    split, position = divmod(index, len(chart))
    number, _, account_type, balance, group, sort_code = chart[position]
    segments = [number, *_splits()[split]]
    rng = plan.random("account", index)
    active = split == 0 or rng.random() > 0.06  # noqa: PLR2004
    return {
        "UnformattedAccount": "".join(segments),
        "AccountNumber": "-".join(segments),
        "DateCreated": plan.day - dt.timedelta(days=rng.randint(400, 3000)),
        "Description": description("".join(segments)),
        "AccountType": account_type,
        "NormalBalanceDRCR": balance,
        "Status": "Active" if active else "Inactive",
        "ControlAccount": _yes(number in tables()["control_accounts"]),
        "Multicurrency": _yes(number in tables()["multicurrency_accounts"]),
        "StructureCode": _STRUCTURES[len(segments)],
        "YearLastClosed": plan.day.year - 1,
        "AccountGroupCode": group,
        "AccountGroupSortCode": sort_code,
        **{f"AccountSegmentCode{place}": code for place, code in enumerate(segments, 1)},
    }


def description(unformatted: str) -> str:
    """Return an account's description: that of its first segment, with its division and region."""
    segments = unformatted[:4], unformatted[4:7], unformatted[7:]
    return ", ".join(segment_names()[segment] for segment in segments if segment)


def expense_account(plan: CompanyPlan, rng: random.Random) -> str:
    """Return the number of an active account of the plan that purchases are booked on."""
    indexes = _expense_indexes(plan.accounts)
    if not indexes:
        indexes = [0]
    chosen = account(plan, rng.choice(indexes))
    # The unsplit account is always active.
    found = chosen if chosen["Status"] == "Active" else account(plan, indexes[0])
    number: str = found["UnformattedAccount"]
    return number


@cache
def _expense_indexes(accounts: int) -> list[int]:
    """Return the expense accounts of a plan's first few splits, the unsplit ones first."""
    chart = tables()["chart"]
    return [
        index
        for index in range(min(accounts, _EXPENSE_SPLITS * len(chart)))
        if chart[index % len(chart)][4] == tables()["expense_group"]
    ]


@cache
def _splits() -> list[list[str]]:
    """Return the segments that may follow the first, small codes first: none, 100, 100-10..."""
    divisions = list(_divisions())
    regions = [[], *([code] for code, _ in tables()["regions"])]
    pairs = product(range(len(divisions)), range(len(regions)))
    ranked = sorted(pairs, key=lambda pair: (sum(pair), pair))
    return [[], *([divisions[first], *regions[second]] for first, second in ranked)]


def _divisions() -> dict[str, str]:
    """Return the names of the divisions and their sites by code: 100, 200... 101, 201..."""
    return {
        f"{int(code) + site}": f"{name} site {site}" if site else name
        for site in range(_SITES)
        for code, name in tables()["divisions"]
    }


@cache
def segment_names() -> dict[str, str]:
    """Return the names of the segments' codes; no code occurs in two segments."""
    rows = (*tables()["chart"], *tables()["regions"])
    return {**{code: name for code, name, *_ in rows}, **_divisions()}


def _yes(value: bool) -> str:  # noqa: FBT001
    return "Yes" if value else "No"
