"""Wrong settings, catalogs and states: each ends in one sentence, and none in a traceback."""

from __future__ import annotations

import copy
import gzip
import json

import pytest

from tap_sage300.api import answer
from tap_sage300.errors import TapError
from tap_sage300.tap import TapSage300

AGAIN = "make a new one with --discover"
WHOLE = "give the last state as it was written"
STATE = "The state of APVendors for SAMINC cannot be used: "
PARTS = (
    "The state of APVendors is not a list of partitions, each with the context of a company: "
    f"{WHOLE}, or remove this stream from it"
)

SETTINGS = [
    ({"companies": []}, ("The setting companies must name at least one company database ID, such "
     "as SAMINC")),
    ({"companies": ["A", "A"]}, "The setting companies names a company twice: name each once"),
    ({"companies": ["A", "a "]}, "The setting companies names a company twice: name each once"),
    ({"companies": 5}, "The setting companies must be a list of texts"),
    ({"username": ""}, "The setting username is empty: name the Sage 300 user that reads"),
    ({"page_size": 0}, "The setting page_size must be 1 or more"),
    ({"page_size": "100"}, "The setting page_size must be a whole number"),
    ({"lookback_days": -1}, "The setting lookback_days must be 0 or more"),
    ({"paging": "page"}, "The setting paging must be one of auto, keyset, skip"),
    ({"verify_ssl": 1}, "The setting verify_ssl must be true or false"),
    ({"start_date": "soon"}, "The setting start_date must be a date written YYYY-MM-DD"),
    ({"ca_bundle": "no.pem"}, ("The setting ca_bundle names no.pem, which is not a PEM file "
     "of certificates")),
]  # fmt: skip


def entry(**changes):
    """A catalog entry of APVendors; a value of None leaves the part out."""
    properties = {
        "CompanyID": {"type": "string"},
        "VendorNumber": {"type": "string"},
        "VendorName": {"type": ["string", "null"]},
        "DateLastMaintained": {"type": ["string", "null"], "format": "date-time"},
    }
    made = {
        "tap_stream_id": "APVendors",
        "schema": {"type": "object", "properties": properties},
        "metadata": [{"breadcrumb": [], "metadata": {"selected": True}}],
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def without(name):
    schema = copy.deepcopy(entry()["schema"])
    del schema["properties"][name]
    return schema


CATALOGS = [
    ([], f"The catalog has no list named streams: {AGAIN}"),
    ({}, f"The catalog has no list named streams: {AGAIN}"),
    ({"streams": {}}, f"The catalog has no list named streams: {AGAIN}"),
    ({"streams": ["APVendors"]}, f"Entry 0 of the catalog's streams has no tap_stream_id: {AGAIN}"),
    (
        {"streams": [entry(), entry(tap_stream_id=None)]},
        f"Entry 1 of the catalog's streams has no tap_stream_id: {AGAIN}",
    ),
    (
        {"streams": [entry(schema=None)]},
        f"The stream APVendors of the catalog has no schema: {AGAIN}",
    ),
    (
        {"streams": [entry(schema={"type": "object"})]},
        f"The stream APVendors of the catalog has no schema: {AGAIN}",
    ),
    (
        {"streams": [entry(schema={"properties": {"VendorNumber": "string"}})]},
        ("The schema of APVendors in the catalog has a property that is not an object with a type: "
        f"{AGAIN}"),
    ),
    (
        {"streams": [entry(stream="vendors")]},
        ("The catalog calls the stream APVendors vendors: leave both names as --discover wrote "
         "them, and rename with the setting stream_maps"),
    ),
    (
        {"streams": [entry(metadata=[{"selected": True}])]},
        ("The metadata of APVendors in the catalog has an item that is not a breadcrumb with "
        f"metadata: {AGAIN}"),
    ),
    (
        {"streams": [entry(schema=without("VendorNumber"))]},
        f"The schema of APVendors in the catalog lacks the key property VendorNumber: {AGAIN}",
    ),
    (
        {"streams": [entry(schema=without("DateLastMaintained"))]},
        ("The replication key of APVendors in the catalog is DateLastMaintained, which is not a "
        "date property of its schema: choose a date of change, or none"),
    ),
    (
        {"streams": [entry(replication_key="VendorName")]},
        ("The replication key of APVendors in the catalog is VendorName, which is not a date "
        "property of its schema: choose a date of change, or none"),
    ),
]  # fmt: skip


def part(**values):
    context = {"CompanyID": "SAMINC"}
    return {"bookmarks": {"APVendors": {"partitions": [{"context": context, **values}]}}}


def resume(**values):
    return part(resume={"read": "sweep", **values})


STATES = [
    ([], f"The state is not a JSON object: {WHOLE}"),
    ({"bookmarks": []}, f"The state's bookmarks are not an object: {WHOLE}"),
    ({"value": {}}, f"The state has no bookmarks: {WHOLE}"),
    ({"type": "STATE", "value": {}}, ("The state is a whole STATE message: give only its value")),
    (
        {"singer_state": {"bookmarks": {}}},
        "The state is Meltano's own: give only what its singer_state holds",
    ),
    (
        {"bookmarks": {"APVendors": {"replication_key_value": "2026-11-20T00:00:00Z"}}},
        PARTS,
    ),
    ({"bookmarks": {"APVendors": []}}, PARTS),
    ({"bookmarks": {"APVendors": {"partitions": {}}}}, PARTS),
    ({"bookmarks": {"APVendors": {"partitions": [{"resume": {}}]}}}, PARTS),
    (
        part(replication_key_value="soon"),
        f"{STATE}replication_key_value is 'soon', which is not a date",
    ),
    (part(replication_key_value=5), f"{STATE}replication_key_value is 5, which is not a date"),
    (part(last_sweep="2026-13-01"), f"{STATE}last_sweep is '2026-13-01', which is not a date"),
    (part(not_final=3), f"{STATE}not_final is 3, which this tap does not write"),
    (part(not_final=[1.5]), f"{STATE}not_final holds 1.5, which this tap does not write"),
    (part(resume=[]), f"{STATE}resume is [], which this tap does not write"),
    (
        part(resume={"read": "all"}),
        f"{STATE}resume.read is 'all', which this tap does not write",
    ),
    (resume(skip="9"), f"{STATE}skip is '9', which this tap does not write"),
    (resume(waited="9"), f"{STATE}waited is '9', which this tap does not write"),
    (resume(last_key=1.5), f"{STATE}last_key holds 1.5, which this tap does not write"),
    (resume(last_key=["1"]), f"{STATE}last_key holds ['1'], which this tap does not write"),
    (resume(since="x"), f"{STATE}since is 'x', which is not a date"),
]


REFUSALS = [
    (401, "", "", (
        "Sage 300 refused the user name or password for company SAMINC (HTTP 401, tried once so "
        "that the account is not locked): check the settings username and password, and "
        "credential_case, now upper: upper suits Sage 300 before 2022.2 and simple passwords, "
        "upper_user or as_given the case-sensitive complex passwords since then; ADMIN may not use "
        "the Web API by default, and the user's security group needs the right 'Sage 300 Web API'"
    )),
    (401, "Unauthorized", "Your password has expired.", (
        "The password of user reader has expired or must be changed (HTTP 401, tried once so that "
        "the account is not locked): change it in Sage 300 and in the setting password; Sage 300 "
        'says "Your password has expired."'
    )),
    (403, "Forbidden", "User account locked.", (
        "User reader is locked or disabled in Sage 300 (HTTP 403, tried once): have the user's "
        'account released there; Sage 300 says "User account locked."'
    )),
    (403, "Forbidden", "The maximum number of users (LanPak) has been reached.", (
        "All users that the licence of Sage 300 allows at once are signed on (HTTP 403, tries: 1): "
        'run again when fewer are, or add LanPak users; Sage 300 says "The maximum number of users '
        '(LanPak) has been reached."'
    )),
    (403, "Forbidden", "Company database SAMINC is locked.", (
        "Company SAMINC is locked or busy (HTTP 403 Forbidden, tries: 1): end what holds it, such "
        "as a day-end, a restore or other sessions of user reader, and run again; what was read so "
        'far is kept; Sage 300 says "Company database SAMINC is locked."'
    )),
    (403, "Forbidden", "Insufficient rights.", (
        "User reader may not read APVendors in company SAMINC (HTTP 403): tick the right 'Sage 300 "
        "Web API' for module AP in the user's security group; ADMIN is refused by default; Sage "
        '300 says "Insufficient rights."'
    )),
    (400, "", "The limit of '100' for Top query has been exceeded.", (
        "Sage 300 refused the query for APVendors of company SAMINC (HTTP 400): if a date is the "
        "cause, set date_literal to plain, quoted, v3 or date; Sage 300 says \"The limit of '100' "
        'for Top query has been exceeded."'
    )),
    (429, "TooManyRequests", "", (
        "The server keeps limiting requests when APVendors of company SAMINC is read (HTTP 429 "
        "TooManyRequests, tries: 1): raise min_call_interval_ms, or have the limit raised (IIS "
        "Dynamic IP Restrictions, sessions of user reader); what was read so far is kept"
    )),
]  # fmt: skip
NOT_A_PAGE = (
    "The answer for APVendors of company SAMINC is not what the Sage 300 Web API sends (HTTP 200, "
    "tries: 1): check the setting api_url, and whether a proxy or a sign-on page answers instead"
)
ANSWERS = [
    (b'{"value": ' + b"[" * 100_000, NOT_A_PAGE),
    (b'{"value": [' + b'{"A": ' * 100_000, NOT_A_PAGE),
    (b'{"value": [{"VendorNumber": "A", "Amount": NaN}]}', NOT_A_PAGE),
    (b'{"value": [{"VendorNumber": "A", "Amount": ' + b"9" * 5_000 + b"}]}", NOT_A_PAGE),
    (b'{"value": [{"VendorNumber": "A"}', NOT_A_PAGE),
    (b'{"value": {"VendorNumber": "A"}}', NOT_A_PAGE),
    (b'{"value": [5]}', NOT_A_PAGE),
    (b"<html>Sign on</html>", NOT_A_PAGE),
    (b'{"value": [{"VendorNumber": "\xe4"}]}', NOT_A_PAGE),
    (b'{"value": [{"VendorName": "A"}]}', (
        "Sage 300 sent a record without VendorNumber in APVendors of company SAMINC, which cannot "
        "be read in order then: check the record in Sage 300"
    )),
    (b'{"value": []}' + b" " * 2_000_000, (
        "An answer for APVendors of company SAMINC is larger than 256 MiB, even in smaller pages "
        "(tries: 1): check what answers at URL; what was read so far is kept"
    )),
]  # fmt: skip
PAGES = [
    (403, "403 - Forbidden: Access is denied.", (
        "The web server refused APVendors in company SAMINC with a page of its own (HTTP 403): "
        "tick the right 'Sage 300 Web API' for module AP in the security group of user reader, or "
        "have IIS allow this machine (IP address restrictions)"
    )),
    (403, "HTTP Error 403.502 - Forbidden", (
        "The server keeps limiting requests when APVendors of company SAMINC is read (HTTP 403, "
        "tries: 1): raise min_call_interval_ms, or have the limit raised (IIS Dynamic IP "
        "Restrictions, sessions of user reader); what was read so far is kept"
    )),
    (404, "HTTP Error 404.15 - Not Found", (
        "The query for APVendors of company SAMINC is too long for IIS (HTTP 404): raise "
        "maxQueryString and maxUrl in its request filtering, or deselect fewer properties"
    )),
    (400, "Bad Request", (
        "The web server refused the query for APVendors of company SAMINC with a page of its own "
        "(HTTP 400): check the setting api_url, and what a proxy or IIS request filtering says"
    )),
]  # fmt: skip


@pytest.mark.parametrize(("status", "code", "message", "sentence"), REFUSALS, ids=str)
def test_refusals(fake, fake_config, helpers, status, code, message, sentence):  # noqa: PLR0917
    fake.answer = lambda _request: helpers.refusal(status, code, message)
    assert failure(fake_config, catalog=helpers.only("APVendors")) == sentence
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    ("body", "sentence"), ANSWERS, ids=[f"answer {n}" for n in range(len(ANSWERS))]
)
def test_answers_that_are_no_page(fake, fake_config, helpers, monkeypatch, body, sentence):  # noqa: PLR0917
    """Kind: what is too deep, too large, broken off, or something else."""
    monkeypatch.setattr(answer, "MOST_BYTES", 1_500_000)  # instead of 256 MiB
    packed = gzip.compress(body, 1)
    headers = {"Content-Encoding": "gzip"}
    fake.answer = lambda _request: helpers.Response(packed, headers=headers)
    found = failure(fake_config, catalog=helpers.only("APVendors"))
    assert found.replace(fake.url, "URL") == sentence


@pytest.mark.parametrize("count", [{}, "many", -1, 2.5, [1], "9" * 5_000], ids=lambda c: str(c)[:9])
@pytest.mark.parametrize("link", [None, 5, "http://[bad", "x?$skip=-1", {"a": 1}], ids=str)
def test_a_count_or_link_that_is_none(fake, read, helpers, count, link):
    """Kind: what announces rows, and says nothing; they are read without it."""
    table = helpers.Table(helpers.vendors("A", "B", "C"), cap=2, links=False, count=False)

    def odd(request):
        body = json.loads(table(request).data)
        return helpers.Response(json.dumps(body | {"@odata.count": count, "@odata.nextLink": link}))

    fake.answer = odd
    assert read().keys() == ["A", "B", "C"]


@pytest.mark.parametrize(("status", "title", "sentence"), PAGES, ids=str)
def test_pages_of_the_web_server(fake, fake_config, helpers, status, title, sentence):  # noqa: PLR0917
    fake.answer = lambda _request: helpers.Response(f"<html><h2>{title}</h2></html>", status)
    assert failure(fake_config, catalog=helpers.only("APVendors")) == sentence
    assert len(fake.requests) == 1


def failure(config, **given):
    with pytest.raises(TapError) as caught:
        TapSage300(config=config, **given).sync_all()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("change", "sentence"), SETTINGS, ids=str)
def test_settings(fake_config, change, sentence):
    assert failure({**fake_config, **change}) == sentence


@pytest.mark.parametrize(
    ("catalog", "sentence"), CATALOGS, ids=[f"catalog {n}" for n in range(len(CATALOGS))]
)
def test_catalogs(fake, fake_config, catalog, sentence):
    assert failure(fake_config, catalog=catalog) == sentence
    assert fake.requests == []


@pytest.mark.parametrize(
    ("state", "sentence"), STATES, ids=[f"state {n}" for n in range(len(STATES))]
)
def test_states(fake, fake_config, helpers, state, sentence):
    assert failure(fake_config, catalog=helpers.only("APVendors"), state=state) == sentence
    assert fake.requests == []


@pytest.mark.parametrize("last_key", ["PY", 7, ["PY"], ["PY", 1, 2], ["PY", None]], ids=str)
def test_keys_of_the_wrong_shape(fake_config, helpers, last_key):
    name = "APPaymentAndAdjustmentBatches"
    window = {"read": "sweep", "last_key": last_key}
    partition = {"context": {"CompanyID": "SAMINC"}, "resume": window}
    state = {"bookmarks": {name: {"partitions": [partition]}}}
    assert failure(fake_config, catalog=helpers.only(name), state=state) == (
        f"The state of {name} for SAMINC cannot be used: last_key holds {last_key!r}, which "
        "this tap does not write"
    )


@pytest.mark.parametrize(
    ("option", "content", "sentence"),
    [
        ("--catalog", CATALOGS[0][0], CATALOGS[0][1]),
        ("--state", STATES[1][0], STATES[1][1]),
        ("--state", STATES[9][0], STATES[9][1]),
    ],
    ids=["catalog", "state", "value"],
)
def test_the_command_says_it_once(site, helpers, tmp_path, option, content, sentence):  # noqa: PLR0917
    path = tmp_path / "given.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    result = helpers.run(option, str(path), config=site.config, folder=tmp_path)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert result.stderr.count(sentence) == 1


def test_another_replication_key_starts_afresh(fake, fake_config, helpers):
    catalog = helpers.only("APVendors")
    for stream in catalog["streams"]:
        if stream["tap_stream_id"] == "APVendors":
            stream["replication_key"] = "DateOfLastActivity"
    rows = [{"VendorNumber": "1", "DateOfLastActivity": "2026-11-02T00:00:00Z"}]
    fake.answer = lambda _request: helpers.page(rows, count=1)
    state = part(replication_key="DateLastMaintained", replication_key_value="2026-11-20T00:00:00Z")
    output = helpers.sync(fake_config, state, catalog)
    assert "$filter" not in fake.queries()[0]
    assert output.part("APVendors")["replication_key"] == "DateOfLastActivity"
    assert output.part("APVendors")["replication_key_value"] == "2026-11-02T00:00:00Z"


# Keys and catalogs


@pytest.mark.parametrize(
    "change",
    [
        {"key_properties": []},
        {"key_properties": ["VendorNumber"]},
        {"key_properties": ["VendorName"]},
        {"metadata": [{
            "breadcrumb": [],
            "metadata": {"selected": True, "table-key-properties": ["VendorName"]},
        }]},
        {},
    ],
    ids=str,
)  # fmt: skip
def test_the_key_is_the_streams_own(fake, fake_config, helpers, change):
    """Kind: a catalog with another key, or none."""
    fake.answer = lambda _request: helpers.page(helpers.vendors("A"))
    output = helpers.sync(fake_config, catalog={"streams": [entry(**change)]})
    assert output.schemas["APVendors"]["key_properties"] == ["CompanyID", "VendorNumber"]
    assert output.keys() == ["A"]


def test_a_property_of_the_site_called_companyid_does_not_replace_ours(fake, read, helpers):
    """Kind: a site's own property with the name of ours."""
    fake.answer = lambda _request: helpers.page([{**helpers.vendors("A")[0], "CompanyID": "x"}])
    (record,) = read().records("APVendors")
    assert next(iter(record)) == "CompanyID"
    assert record["CompanyID"] == "SAMINC"


@pytest.mark.parametrize(
    "given", [" SAMINC , SAMLTD", '["SAMINC ", " SAMLTD"]', ["SAMINC", "SAMLTD "]], ids=str
)
def test_how_companies_are_given(fake, fake_config, helpers, given):
    """Kind: blanks, commas or JSON in the setting companies."""
    fake.answer = lambda _request: helpers.page(helpers.vendors("A"))
    output = helpers.sync({**fake_config, "companies": given}, catalog=helpers.only("APVendors"))
    assert [r["CompanyID"] for r in output.records("APVendors")] == ["SAMINC", "SAMLTD"]


def test_companies_in_the_environment(fake, fake_config, helpers, tmp_path, monkeypatch):
    """Kind: a list that is not JSON in an environment variable."""
    fake.answer = lambda _request: helpers.page(helpers.vendors("A"), count=1)
    monkeypatch.setenv("TAP_SAGE300_COMPANIES", "SAMINC, SAMLTD")
    path = tmp_path / "catalog.json"
    path.write_text(json.dumps(helpers.only("APVendors")), encoding="utf-16")
    config = {name: value for name, value in fake_config.items() if name != "companies"}
    words = ["--catalog", str(path), "--config", "ENV"]
    result = helpers.run(*words, config=config, folder=tmp_path)
    assert [r.path.split("/")[4] for r in fake.requests] == ["SAMINC", "SAMLTD"]
    assert result.returncode == 0


@pytest.mark.parametrize("middle", [(), ("items",)], ids=["short", "singer"])
def test_nested_properties_can_be_deselected(fake, read, helpers, middle):
    """Kind: a nested property that must not be sent."""
    catalog = helpers.only("APInvoiceBatches")
    for one in catalog["streams"]:
        if one["tap_stream_id"] == "APInvoiceBatches":
            path = ["properties", "Invoices", *middle, "properties", "VendorNumber"]
            one["metadata"].append({"breadcrumb": path, "metadata": {"selected": False}})
    invoices = [{"EntryNumber": 1, "VendorNumber": "A"}]
    row = {"BatchNumber": 1, "BatchStatus": "Posted", "DateLastEdited": None, "Invoices": invoices}
    fake.answer = lambda _request: helpers.page([row])
    (record,) = read("APInvoiceBatches", catalog=catalog).records("APInvoiceBatches")
    assert record["Invoices"] == [{"EntryNumber": 1}]


@pytest.mark.parametrize("details", [[None], {"results": []}, "x", None], ids=str)
def test_details_that_are_no_list_of_objects(fake, read, helpers, details):
    """Kind: details of another shape."""
    row = {"BatchNumber": 1, "BatchStatus": "Posted", "DateLastEdited": None, "Invoices": details}
    fake.answer = lambda _request: helpers.page([row])
    (record,) = read("APInvoiceBatches").records("APInvoiceBatches")
    assert record["Invoices"] == details


def test_a_stream_that_this_tap_does_not_have_is_named(fake, fake_config, helpers, caplog):
    """Kind: a catalog of another version, or with a renamed stream."""
    fake.answer = lambda _request: helpers.page([])
    helpers.sync(fake_config, catalog={"streams": [entry(tap_stream_id="Vendors")]})
    assert "The catalog names streams that tap-sage300 does not have: Vendors: ignored" in (
        caplog.text
    )


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings_that_are_read(fake, fake_config, helpers, tmp_path, encoding):
    """Kind: a file that a Windows shell wrote."""
    fake.answer = lambda _request: helpers.page([])
    words = []
    for option, content in {
        "config": {**fake_config, "username": "Zo\u00eb"},
        "catalog": helpers.only("APVendors"),
        "state": part(replication_key_value="2026-11-20T00:00:00Z"),
    }.items():
        path = tmp_path / f"{option}.json"
        path.write_text(json.dumps(content, ensure_ascii=False), encoding=encoding)
        words += [f"--{option}", str(path)]
    result = helpers.run(*words, folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "DateLastMaintained ge 2026-11-18" in fake.queries()[0]["$filter"]


@pytest.mark.parametrize(
    ("option", "encoding", "likely"),
    [
        ("catalog", "cp1252", "a Windows code page such as Windows-1252"),
        ("state", "utf-16-le", "UTF-16 without a byte order mark"),
    ],
)
def test_encodings_that_are_not(fake_config, helpers, tmp_path, option, encoding, likely):  # noqa: PLR0917
    """Kind: a file in another encoding."""
    path = tmp_path / "given.json"
    path.write_text('{"username": "Zo\u00eb"}', encoding=encoding)
    result = helpers.run(f"--{option}", str(path), config=fake_config, folder=tmp_path)
    assert result.returncode == 1
    assert (
        f"The {option} file {path} is not in UTF-8 but seems to be in {likely}: save it as UTF-8"
    ) in result.stderr
    assert "Traceback" not in result.stderr
