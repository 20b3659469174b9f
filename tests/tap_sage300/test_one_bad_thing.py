"""One bad thing stops one thing: a company, a module, a stream, a record; the rest is read."""

from __future__ import annotations

import logging
import re

import pytest

from tap_sage300.api import patience
from tap_sage300.errors import SeveralError

BOTH = {"companies": ["SAMINC", "SAMLTD"]}
THREE = ("GLAccounts", "APVendors", "APInvoiceBatches")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(patience, "LONGEST_BACKOFF", 0.001)


@pytest.fixture
def warnings(caplog):
    def texts():
        return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]

    return texts


def sentences(failure):
    return [str(error) for error in getattr(failure, "errors", [failure])]


class Poisoned:
    """Serves a table, but a page with certain records fails."""

    def __init__(self, table, answer, keys, *, by_select=True):
        self.table, self.answer, self.bad, self.by_select = table, answer, set(keys), by_select

    def __call__(self, request):
        response = self.table(request)
        rows = response.get_json()["value"]
        name = "VendorNumber" if "APVendors" in request.path else "BatchNumber"
        only_keys = request.args.get("$select") == name
        if self.bad & {row[name] for row in rows} and not (only_keys and self.by_select):
            return self.answer()
        return response


class Numbered:
    """Serves rows by key, for filters of several keys, too."""

    def __init__(self, helpers, rows):
        self.table, self.rows, self.page = helpers.Table(rows), rows, helpers.page

    def __call__(self, request):
        wanted = re.findall(r"(\w+) eq '?([^') ]+)'?", request.args.get("$filter", ""))
        if not wanted:
            return self.table(request)
        found = [r for r in self.rows if any(str(r[n]) == value for n, value in wanted)]
        return self.page(found[: int(request.args["$top"])], count=len(found))


# Companies, modules, streams


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (
            409,
            "General",
            "Company SAMLTD is locked or busy (HTTP 409 General, tries: 2): end what holds it",
        ),
        (404, "ResourceNotFound", "Sage 300 has no GL/GLAccounts for company SAMLTD (HTTP 404)"),
        (403, "Forbidden", "User reader may not read GLAccounts in company SAMLTD (HTTP 403)"),
    ],
)
def test_a_company_that_cannot_be_read_holds_up_no_other(  # noqa: PLR0917
    fake, fake_config, helpers, status, code, words
):
    """Kind: one company of several refuses."""
    fake.answer = lambda request: (
        helpers.refusal(status, code, "")
        if "/SAMLTD/" in request.path
        else helpers.page([row(request)], count=1)
    )
    config = {**fake_config, **BOTH, "max_retries": 1}
    output, failure = helpers.interrupted(config, catalog=helpers.only("GLAccounts", "APVendors"))
    assert sentences(failure)[0].startswith(words)
    assert [len(output.records(name, "SAMINC")) for name in THREE] == [1, 1, 0]
    assert "last_sweep" in output.part("APVendors")
    assert "last_sweep" not in output.part("APVendors", "SAMLTD")


def row(request):
    if "APVendors" in request.path:
        return {"VendorNumber": "A", "DateLastMaintained": None}
    return {"UnformattedAccount": "1", "DateCreated": None}


def test_a_company_that_is_locked_is_told_once_and_left_alone(fake, fake_config, helpers):
    """Kind: one company of several refuses."""
    text = "The company database is locked by another user."
    fake.answer = lambda request: (
        helpers.refusal(403, "Forbidden", text)
        if "/SAMLTD/" in request.path
        else helpers.page([row(request)], count=1)
    )
    config = {**fake_config, **BOTH, "max_retries": 1}
    _, failure = helpers.interrupted(config, catalog=helpers.only("GLAccounts", "APVendors"))
    assert sentences(failure) == [
        (
            "Company SAMLTD is locked or busy (HTTP 403 Forbidden, tries: 2): end what holds it, "
            "such as a day-end, a restore or other sessions of user reader, and run again; what "
            f'was read so far is kept; Sage 300 says "{text}"'
        )
    ]
    assert len([r for r in fake.requests if "/SAMLTD/" in r.path]) == 2


def test_an_unknown_company_is_told_once(fake, fake_config, helpers):
    """Kind: one company of several is unknown."""
    fake.answer = lambda request: (
        helpers.refusal(404, "ResourceNotFound", "")
        if "/SAMLTD/" in request.path
        else helpers.page([row(request)], count=1)
    )
    config = {**fake_config, **BOTH}
    _, failure = helpers.interrupted(config, catalog=helpers.only("GLAccounts", "APVendors"))
    assert len(sentences(failure)) == 1


def test_a_module_without_the_right_is_told_once(site, helpers):
    """Kind: a module without the right."""
    site.behave(forbidden_modules={"SAMLTD": ["AP"]})
    config = {**site.config, **BOTH}
    output, failure = helpers.interrupted(config, catalog=helpers.only(*THREE))
    (sentence,) = sentences(failure)
    assert sentence.startswith("User integration may not read APVendors in company SAMLTD")
    assert len(output.records("APVendors", "SAMINC")) == 50
    assert len(output.records("GLAccounts", "SAMLTD")) == 40


def test_a_stream_that_fails_holds_up_no_other(fake, fake_config, helpers):
    """Kind: a stream that fails."""
    fake.answer = lambda request: (
        helpers.refusal(418, "Teapot", "")
        if "GLAccounts" in request.path
        else helpers.page([row(request)], count=1)
    )
    output, failure = helpers.interrupted(fake_config, catalog=helpers.only(*THREE[:2]))
    assert str(failure).startswith("Sage 300 answered HTTP 418 Teapot when GLAccounts of company")
    assert output.keys() == ["A"]


def test_the_command_ends_with_a_sentence_for_each(fake, fake_config, helpers, tmp_path):
    """Kind: several things fail."""
    fake.answer = lambda request: (
        helpers.refusal(418, "Teapot", "") if "AP" in request.path else helpers.page([])
    )
    result = helpers.run(config=fake_config, folder=tmp_path)
    assert result.returncode == 1
    lines = result.stderr.splitlines()[-2:]
    assert all("ERROR" in line for line in lines)
    assert ["APVendors" in lines[0], "APInvoiceBatches" in lines[1]] == [True, True]


@pytest.mark.parametrize("status", [401, 407, 503])
def test_what_concerns_everything_ends_the_run_at_once(fake, fake_config, helpers, status):
    """Kind: a sign-on fault, an exhausted pool."""
    fake.answer = lambda _request: helpers.refusal(status, "", "")
    config = {**fake_config, **BOTH}
    _, failure = helpers.interrupted(config, catalog=helpers.only(*THREE))
    assert len(sentences(failure)) == len(fake.requests) == 1


def test_a_server_that_serves_nothing_is_not_tried_for_every_company(fake, fake_config, helpers):
    """Kind: a server that fails at everything."""
    fake.answer = lambda _request: helpers.refusal(500, "SessionError", "")
    config = {**fake_config, "companies": [f"C{n}" for n in range(9)], "max_retries": 3}
    _, failure = helpers.interrupted(config, catalog=helpers.only(*THREE))
    assert isinstance(failure, SeveralError)
    assert len(sentences(failure)) == 10
    assert len(fake.requests) == 10 + 3  # only the first one is tried again


def test_companies_that_fail_side_by_side_hold_up_no_other(fake, fake_config, helpers):
    """Kind: several companies fail, one after the other."""
    fake.answer = lambda request: (
        helpers.page([row(request)], count=1)
        if "/C3/" in request.path
        else helpers.refusal(500, "DBLinkError", "")
    )
    config = {**fake_config, "companies": ["C1", "C2", "C3"]}
    output, failure = helpers.interrupted(config, catalog=helpers.only(*THREE[:2]))
    assert len(sentences(failure)) == 4
    assert [len(output.records(name, "C3")) for name in THREE[:2]] == [1, 1]


# Records

VENDORS = [f"V{n:03}" for n in range(60)]


@pytest.mark.parametrize("paging", ["auto", "skip"])
@pytest.mark.parametrize("kind", ["500", "html"])
@pytest.mark.parametrize("bad", [["V000"], ["V031"], ["V059"], ["V010", "V011", "V040"]], ids=str)
def test_a_record_that_fails_its_page_is_skipped_and_named(  # noqa: PLR0917
    fake, read, helpers, warnings, kind, bad, paging
):
    """Kind: a poison record, or a page that cannot be parsed."""
    table = Numbered(helpers, helpers.vendors(*VENDORS))
    answers = {
        "500": lambda: helpers.refusal(500, "General", "Overflow"),
        "html": lambda: helpers.Response("<html>", 200),
    }
    fake.answer = Poisoned(table, answers[kind], bad)
    first = read(page_size=25, paging=paging)
    assert first.keys() == [number for number in VENDORS if number not in bad]
    seen = {"500": 'HTTP 500 General "Overflow"', "html": "an unreadable answer"}[kind]
    assert warnings() == [
        f"APVendors of SAMINC: the record with VendorNumber {number} cannot be read ({seen}): it "
        "is skipped and requested again in the next run; check it in Sage 300"
        for number in bad
    ]
    part = first.part("APVendors")
    assert part["not_final"] == bad
    assert "last_sweep" in part
    assert "resume" not in part

    still = read(state=first.state, paging=paging)
    assert not set(still.keys()) & set(bad)
    assert still.part("APVendors")["not_final"] == bad

    fake.answer = table
    after = read(state=still.state, paging=paging)
    assert set(bad) <= set(after.keys())
    assert "not_final" not in after.part("APVendors")


@pytest.mark.parametrize("paging", ["auto", "skip"])
@pytest.mark.parametrize(
    ("bad", "places"),
    [
        (["V000"], ["before VendorNumber V001"]),
        (["V031"], ["between VendorNumber V030 and V032"]),
        (["V031", "V032"], ["between VendorNumber V030 and V033"] * 2),
        (["V059"], ["after VendorNumber V058"]),
    ],
    ids=str,
)
def test_a_record_whose_key_cannot_be_read_either(  # noqa: PLR0917
    fake, read, helpers, warnings, bad, places, paging
):
    """Kind: a poison record that fails even where only its key is selected."""
    table = helpers.Table(helpers.vendors(*VENDORS))
    fake.answer = Poisoned(table, lambda: helpers.refusal(500, "General", ""), bad, by_select=False)
    first = read(page_size=25, paging=paging)
    assert first.keys() == [number for number in VENDORS if number not in bad]
    if paging == "auto":
        assert [text.split(": the record ")[1].split(" cannot")[0] for text in warnings()] == places
    part = first.part("APVendors")
    assert not part.keys() & {"last_sweep", "replication_key_value", "resume", "not_final"}

    fake.answer = table
    after = read(state=first.state, paging=paging)
    assert after.keys() == VENDORS
    assert "last_sweep" in after.part("APVendors")


def test_a_batch_that_fails_when_it_is_checked_stays_to_be_checked(fake, read, helpers):
    """Kind: a poison record among the batches that are read by key."""
    rows = [
        {"BatchNumber": n, "BatchStatus": "Posted", "DateLastEdited": "2026-11-01T00:00:00Z"}
        for n in range(1, 6)
    ]
    table = Numbered(helpers, rows)
    partition = {
        "context": {"CompanyID": "SAMINC"},
        "replication_key": "DateLastEdited",
        "replication_key_value": "2026-11-20T00:00:00Z",
        "resume": {"read": "not_final"},
        "not_final": [1, 2, 3, 4, 5],
    }
    state = {"bookmarks": {"APInvoiceBatches": {"partitions": [partition]}}}
    fake.answer = Poisoned(table, lambda: helpers.refusal(500, "General", ""), [3])
    output = read("APInvoiceBatches", state)
    assert output.keys("APInvoiceBatches", "BatchNumber") == [1, 2, 4, 5]
    assert output.part("APInvoiceBatches")["not_final"] == [3]


def test_a_record_whose_details_are_paged_is_not_sent_in_part(fake, read, helpers, warnings):
    """Kind: a nested list that the server pages."""
    rows = [
        {"BatchNumber": n, "BatchStatus": "Posted", "DateLastEdited": None, "Invoices": [{}]}
        for n in range(1, 5)
    ]
    whole = Numbered(helpers, rows)
    rows[2]["Invoices@odata.nextLink"] = "http://x/?$skip=1"
    rows[3]["Invoices"] = [{"InvoiceDetails": [], "InvoiceDetails@odata.nextLink": "http://x/"}]
    fake.answer = whole
    output = read("APInvoiceBatches", page_size=2)
    assert output.keys("APInvoiceBatches", "BatchNumber") == [1, 2]
    assert output.part("APInvoiceBatches")["not_final"] == [3, 4]
    assert warnings() == [
        (
            f"APInvoiceBatches of SAMINC: the record with BatchNumber {n} cannot be read (only a "
            "part of its details is sent): it is skipped and requested again in the next run; "
            "check it in Sage 300"
        )
        for n in (3, 4)
    ]
    del rows[2]["Invoices@odata.nextLink"]
    rows[3]["Invoices"] = [{}]
    after = read("APInvoiceBatches", output.state)
    assert {3, 4} <= set(after.keys("APInvoiceBatches", "BatchNumber"))


def test_too_many_bad_records_end_the_stream(fake, fake_config, helpers, warnings):
    """Kind: more poison records than can be skipped."""
    table = Numbered(helpers, helpers.vendors(*VENDORS))
    fake.answer = Poisoned(table, lambda: helpers.refusal(500, "General", ""), VENDORS[10:40])
    output, failure = helpers.interrupted(
        {**fake_config, "page_size": 5}, catalog=helpers.only("APVendors")
    )
    assert str(failure) == (
        "20 records of APVendors could not be read in this run, and there are more in company "
        "SAMINC (HTTP 500 General): check the records named in the log in Sage 300; the rest of "
        "the stream is left for the next run"
    )
    assert len([text for text in warnings() if "is skipped" in text]) == 20
    assert len(output.part("APVendors")["not_final"]) == 20
    assert "last_sweep" not in output.part("APVendors")


def test_a_passing_fault_skips_no_record(fake, read, helpers, warnings):
    """Kind: a fault that outlasts the retries, and is no record's."""
    table = helpers.Table(helpers.vendors(*VENDORS))
    fake.answer = lambda request: (
        helpers.refusal(500, "General", "") if 1 < len(fake.requests) < 4 else table(request)
    )
    assert read(page_size=25).keys() == VENDORS
    assert warnings() == []


def test_what_was_skipped_is_requested_where_nothing_else_is_due(fake, read, helpers):
    """Kind: a poison record of a stream that is swept now and then."""
    accounts = [{"UnformattedAccount": "1", "DateCreated": None, "AccountGroupCode": "X"}]
    fake.answer = Numbered(helpers, accounts)
    partition = {
        "context": {"CompanyID": "SAMINC"},
        "last_sweep": "2026-11-20",
        "not_final": ["X"],
    }
    state = {"bookmarks": {"GLAccountGroups": {"partitions": [partition]}}}
    output = read("GLAccountGroups", state, undated_sweep_days=9999)
    assert output.keys("GLAccountGroups", "AccountGroupCode") == ["X"]


def test_a_locked_company_and_a_record_that_fails_on_the_sandbox(site, helpers):
    """Kind: a locked company and a poison record at once; all else is read."""
    numbers = [row["VendorNumber"] for row in site.records("APVendors")]
    site.behave(locked_companies=["SAMLTD"], unreadable_records={"APVendors": [numbers[7]]})
    config = {**site.config, **BOTH}
    first, failure = helpers.interrupted(config)
    assert str(failure).startswith("Company SAMLTD is locked or busy (HTTP 403 Forbidden")
    assert set(first.keys()) == set(numbers) - {numbers[7]}
    site.behave(locked_companies=[], unreadable_records={})
    second = helpers.sync(config, first.state)
    assert numbers[7] in [r["VendorNumber"] for r in second.records("APVendors", "SAMINC")]
    assert len(second.records("APVendors", "SAMLTD")) == 50


# Answers that come once


@pytest.mark.parametrize(
    "stray",
    [
        lambda h: h.refusal(401, "Unauthorized", ""),
        lambda h: h.refusal(403, "Forbidden", ""),
        lambda h: h.Response("<h2>403 - Forbidden: Access is denied.</h2>", 403),
        lambda h: h.refusal(404, "ResourceNotFound", ""),
        lambda h: h.Response("<html>Not Found</html>", 404),
        lambda h: h.Response("<html>Bad Request</html>", 400),
    ],
    ids=["401", "403", "403 page", "404", "404 page", "400 page"],
)
def test_one_stray_refusal_in_a_run_that_goes_well_ends_nothing(fake, read, helpers, stray):
    """Kind: one refusal in the middle of a run."""
    table = helpers.Table(helpers.vendors(*"ABCDEF"))
    fake.answer = lambda request: stray(helpers) if len(fake.requests) == 2 else table(request)
    assert read(page_size=2, max_retries=1).keys() == list("ABCDEF")


def test_a_sign_on_that_is_lost_is_not_tried_a_third_time(fake, fake_config, helpers):
    """Kind: a password that is changed in the middle of a run."""
    table = helpers.Table(helpers.vendors(*"ABCDEF"))
    fake.answer = lambda request: (
        helpers.refusal(401, "Unauthorized", "") if len(fake.requests) > 1 else table(request)
    )
    config = {**fake_config, "page_size": 2, "max_retries": 5}
    _, failure = helpers.interrupted(config, catalog=helpers.only("APVendors"))
    assert str(failure) == (
        "Sage 300 no longer accepts user reader for company SAMINC (HTTP 401, tries: 2), though it "
        "did earlier in this run: check whether the password was changed or the user locked "
        "meanwhile; what was read so far is kept"
    )
    assert len(fake.requests) == 3
