"""Vendors: numbers, names, addresses and terms, each determined by its place in the plan."""

from __future__ import annotations

import datetime as dt
import re
import typing as t
import unicodedata

from sage300_servicenow_sandbox.sage.company.accounts import expense_account
from sage300_servicenow_sandbox.sage.company.plan import tables

if t.TYPE_CHECKING:
    import random

    from sage300_servicenow_sandbox.sage.company.plan import CompanyPlan

_STRIDE = 7919  # a prime, so that neighbours get different names and no name repeats
_HARD_NAME_EVERY = 40
_LETTERS_EVERY = 9
_UNDATED_EVERY = 17
_MOST_OF_A_NAME = 30  # so that an e-mail address fits its 50 characters


def vendor(plan: CompanyPlan, index: int) -> dict[str, t.Any]:
    """Return the non-empty properties of one vendor; `index` counts from 0."""
    rng = plan.random("vendor", index)
    name = _name(plan, index)
    group, _, account_set, _, distribution = rng.choice(tables()["vendor_groups"])
    inactive, on_hold = rng.random() < 0.04, rng.random() < 0.03  # noqa: PLR2004
    start = plan.day - dt.timedelta(days=rng.randint(1200, 3000))
    maintained = _last_maintained(plan, rng, index)
    has_account = rng.random() < 0.85  # noqa: PLR2004
    slug = re.sub("[^a-z]+", "-", _ascii(name).lower())[:_MOST_OF_A_NAME].strip("-")
    domain = f"{slug}.example.{rng.choice(('com', 'org', 'net'))}"
    return {
        "VendorNumber": _number(index, name),
        "ShortName": _ascii(name).upper()[:10].strip(),
        "GroupCode": group,
        "Status": "Inactive" if inactive else "Active",
        "InactiveDate": maintained if inactive else None,
        "DateLastMaintained": maintained,
        "OnHold": "OnHold" if on_hold else "NotOnHold",
        "StartDate": start,
        "VendorName": name,
        "LegalName": name,
        "ContactName": rng.choice(tables()["contacts"]),
        "AccountSet": account_set,
        "RateType": "SP",
        "BankCode": "CCB",
        "DistributionCode": "" if has_account else distribution,
        "DistributionType": "GLAccount" if has_account else "DistributionCode",
        "GLAccount": expense_account(plan, rng) if has_account else "",
        "Terms": rng.choice(list(tables()["terms"])),
        "DuplicateAmountCode": "Warning",
        "DuplicateDateCode": "Warning",
        "CreditLimit": rng.choice((0, 5000, 25000, 100000)),
        "CheckLanguage": "ENG",
        "ContactsEmail": f"billing@{domain}",
        "Email": f"orders@{domain}",
        "WebSite": f"www.{domain}",
        "DeliveryMethod": rng.choice(("Mail", "Email")),
        "APVersion": "71A",
        "Database": plan.company,
        **_place(rng),
    }


def _number(index: int, name: str) -> str:
    number = str(1000 + 10 * index)
    if index % _LETTERS_EVERY != _LETTERS_EVERY - 1:
        return number
    return re.sub("[^A-Z]", "", _ascii(name).upper())[:2] + number


def _name(plan: CompanyPlan, index: int) -> str:
    words = tables()
    if index % _HARD_NAME_EVERY == _HARD_NAME_EVERY // 2:
        turn, place = divmod(index // _HARD_NAME_EVERY, len(words["hard_names"]))
        return f"{words['hard_names'][place]}{f' {turn + 1}' if turn else ''}"
    firsts, trades, forms = words["first_words"], words["trades"], words["legal_forms"]
    total = len(firsts) * len(trades) * len(forms)
    offset = plan.random("names").randrange(total)
    turn, within = divmod(index, total)
    rest, first = divmod((offset + within * _STRIDE) % total, len(firsts))
    form, trade = divmod(rest, len(trades))
    branch = f" {turn + 1}" if turn else ""
    return f"{firsts[first]} {trades[trade]}{branch} {forms[form]}"


def _last_maintained(plan: CompanyPlan, rng: random.Random, index: int) -> t.Any:
    """Return a day up to the plan's; None for the few vendors that were imported without one."""
    if index % _UNDATED_EVERY == _UNDATED_EVERY // 3:
        return None
    recent = rng.random() < 0.05  # noqa: PLR2004
    return plan.day - dt.timedelta(days=rng.randint(0, 3) if recent else rng.randint(0, 1100))


def _place(rng: random.Random) -> dict[str, t.Any]:
    countries = tables()["countries"]
    shares = [row[0] for row in countries.values()]
    country = rng.choices(list(countries), shares)[0]
    _, currency, _, tax_group, tax_type = countries[country]
    town, state, postal_code = rng.choice(tables()["towns"][country])
    line = f"555{rng.randint(1000000, 9999999)}"
    reported = country == "USA" and rng.random() < 0.2  # noqa: PLR2004
    return {
        "AddressLine1": f"{rng.randint(1, 990)} {rng.choice(tables()['streets'])}",
        "AddressLine2": f"Unit {rng.randint(1, 40)}" if rng.random() < 0.2 else "",  # noqa: PLR2004
        "City": town,
        "StateProvince": state,
        "ZipPostalCode": postal_code,
        "Country": country,
        "PhoneNumber": line,
        "FaxNumber": line[:-1] + "0",
        "ContactsPhone": line,
        "CurrencyCode": currency,
        "TaxGroup": tax_group,
        "TaxClassCode1": 1,
        "TaxClassCode2": 1,
        "TaxReportingType": "Num1099" if reported else "None",
        "TaxType": tax_type,
        "Num1099CPRSTaxNumber": f"00-{rng.randint(0, 9999999):07}",
        "Num1099CPRSCode": "7" if reported else "",
    }


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
