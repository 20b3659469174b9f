"""Wrong settings, catalogs and states: each ends in one sentence, and none in a traceback."""

from __future__ import annotations

import copy
import json

import pytest

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
    ({"companies": "SAMINC"}, "The setting companies must be a list of texts"),
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
        ("--state", STATES[5][0], STATES[5][1]),
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
