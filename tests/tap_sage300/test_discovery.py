"""What ``--discover`` finds on a site, and what it does where it cannot ask."""

from __future__ import annotations

import io
import json
import logging

import pytest
from werkzeug.wrappers import Response

from tap_sage300.api.errors import NoAccessError, RightsError, UnknownError
from tap_sage300.client import Sage300Stream
from tap_sage300.reading.entity import Entity
from tap_sage300.streams import STREAMS
from tap_sage300.tap import TapSage300

EDMX = """<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">
 <edmx:DataServices>
  <Schema Namespace="Sage.AP" xmlns="http://docs.oasis-open.org/odata/ns/edm">
   <EntityType Name="TaxClass">
    <Property Name="ClassAxis" Type="Edm.String" Nullable="false"/>
    <Property Name="ClassNumber" Type="Edm.Int32" Nullable="false"/>
    <Property Name="Description" Type="Edm.String"/>
   </EntityType>
   <EntityContainer Name="Container">
    <EntitySet Name="APTaxClasses" EntityType="Sage.AP.TaxClass"/>
   </EntityContainer>
  </Schema>
 </edmx:DataServices>
</edmx:Edmx>"""
ALL = [*(stream.entity.name for stream in STREAMS), "Sage300ReadLog"]
DEFAULT = [stream.entity.name for stream in STREAMS if stream.selected_by_default]
MODULES = {stream.entity.module for stream in STREAMS}
BOTH = {"companies": ["SAMINC", "SAMLTD"]}


@pytest.fixture
def discover(monkeypatch):
    """Run the discovery; return the catalog's entries by stream."""

    def run(config):
        monkeypatch.setattr("sys.stdout", io.StringIO())
        tap = TapSage300(config=config, validate_config=bool(config), setup_mapper=False)
        text = tap.run_discovery()
        return {entry["tap_stream_id"]: entry for entry in json.loads(text)["streams"]}

    return run


def selected(entry):
    (root,) = [item["metadata"] for item in entry["metadata"] if not item["breadcrumb"]]
    assert root["selected"] is root["selected-by-default"]
    return root["selected"]


def warnings(caplog):
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


def test_a_stock_site(site, discover):
    entries = discover({**site.config, **BOTH})
    assert list(entries) == ALL
    assert [name for name in ALL if selected(entries[name])] == DEFAULT
    for stream in STREAMS:
        entry, entity = entries[stream.entity.name], stream.entity
        assert entry["key_properties"] == ["CompanyID", *entity.keys]
        assert entry.get("replication_key") == entity.date
        assert entry["replication_method"] == ("INCREMENTAL" if entity.date else "FULL_TABLE")
    assert site.calls() == len(MODULES) * 2


def test_a_site_knows_its_flags_better(site, discover):
    shipped = TapSage300(config={}, validate_config=False, setup_mapper=False).catalog_dict
    (items,) = [e for e in shipped["streams"] if e["tap_stream_id"] == "ICItems"]
    assert items["schema"]["properties"]["Sellable"] == {"type": ["boolean", "string"]}
    found = discover(site.config)["ICItems"]["schema"]["properties"]
    assert found["Sellable"] == {"type": "boolean"}
    assert found.keys() == items["schema"]["properties"].keys()


def test_properties_of_the_site_are_in_the_catalog_and_in_the_records(site, discover, helpers):
    site.behave(
        site_properties={"APVendors": {"PartnerRating": "decimal 3", "PartnerSince": "date"}}
    )
    number = site.records("APVendors")[0]["VendorNumber"]
    site.edit("APVendors", number, PartnerRating=4.25)
    properties = discover(site.config)["APVendors"]["schema"]["properties"]
    assert properties["PartnerRating"] == {"type": "number"}
    assert properties["PartnerSince"] == {"type": ["string", "null"], "format": "date-time"}
    record = helpers.sync(site.config).records("APVendors")[0]
    assert (str(record["PartnerRating"]), record["PartnerSince"]) == ("4.250", None)


def test_a_date_of_change_on_accounts_is_used(site, discover, helpers):
    site.behave(account_change_date=True)
    entries = discover(site.config)
    assert entries["GLAccounts"]["replication_key"] == "DateLastMaintained"
    catalog = {"streams": [entries["GLAccounts"]]}
    site.edit("GLAccounts", site.records("GLAccounts")[0]["UnformattedAccount"], Description="old")
    first = helpers.sync(site.config, catalog=catalog)
    assert first.part("GLAccounts")["replication_key"] == "DateLastMaintained"
    site.now("2026-11-24T12:00:00Z")
    edited = site.records("GLAccounts")[5]["UnformattedAccount"]
    site.edit("GLAccounts", edited, Description="Edited")
    second = helpers.sync(site.config, first.state, catalog)
    keys = second.keys("GLAccounts", "UnformattedAccount")
    assert edited in keys
    assert len(keys) < 5


def test_a_catalog_saves_the_calls(site, helpers):
    helpers.sync(site.config, catalog=helpers.only("APVendors"))
    assert site.calls() == 1


def test_a_small_budget_is_not_spent_on_discovery(site, helpers):
    output = helpers.sync({**site.config, "max_calls_per_run": 19})
    assert site.calls() == 3
    assert len(output.records("APVendors")) == 50


def test_a_forbidden_module_is_skipped_and_the_rest_works(site, discover, helpers, caplog):
    site.behave(forbidden_modules={"SAMINC": ["GL"], "SAMLTD": ["GL"]})
    entries = discover({**site.config, **BOTH})
    assert list(entries) == [name for name in ALL if not name.startswith("GL")]
    names = [stream.entity.name for stream in STREAMS if stream.entity.module == "GL"]
    (line,) = [text for text in warnings(caplog) if text.startswith("Streams skipped")]
    assert line == (
        f"Streams skipped: {', '.join(names)}. User integration may not read "
        "$metadata in company SAMINC (HTTP 403): tick the right 'Sage 300 Web API' for module GL "
        "in the user's security group; ADMIN is refused by default; Sage 300 says \"Insufficient "
        'security rights for user."'
    )
    output, failure = helpers.interrupted({**site.config, **BOTH})
    assert list(output.schemas) == [name for name in DEFAULT if name not in names]
    assert len(output.records("APVendors")) == 100
    assert [str(error).partition(" (HTTP")[0] for error in failure.errors] == [
        f"User integration may not read $metadata in company {name}" for name in BOTH["companies"]
    ]


def test_a_module_one_company_allows_stays(site, discover):
    site.behave(forbidden_modules={"SAMLTD": ["GL"]})
    assert list(discover({**site.config, **BOTH})) == ALL


def test_no_right_anywhere(fake, fake_config, discover, helpers):
    fake.answer = lambda _request: helpers.refusal(403, "Forbidden")
    with pytest.raises(RightsError, match=r"tick the right 'Sage 300 Web API'"):
        discover(fake_config)


@pytest.mark.parametrize("fault", [{"fault": "html"}, {"fault": "error", "status": 404}], ids=str)
def test_metadata_that_is_not_available(site, discover, caplog, fault):
    site.follow({**fault, "side": "sage300", "path": r"/AP/\$metadata"})
    entries = discover(site.config)
    assert list(entries) == ALL
    (line,) = [text for text in warnings(caplog) if "module AP" in text]
    assert line.startswith("The shipped schemas are used for module AP of SAMINC: ")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>Sign on</html>", "describes no entities"),
        (b"<html><p>Sign on</html>", "is no XML"),
        ("<a>Gr\u00f6\u00dfe</a>".encode("cp1252"), (
            "is no XML, or not in the encoding that it declares"
        )),
    ],
)  # fmt: skip
def test_unreadable_metadata(fake, fake_config, helpers, caplog, body, reason):  # noqa: PLR0917
    """Kind: a document that no retry makes better, and that a run can do without."""

    def answer(request):
        is_asked = request.path.endswith("$metadata")
        return Response(body if is_asked else b'{"value": [], "@odata.count": 0}')

    fake.answer = answer
    output = helpers.sync({**fake_config, "max_retries": 5})
    assert list(output.schemas) == DEFAULT
    asked = [r.path for r in fake.requests if r.path.endswith("$metadata")]
    assert len(asked) == len(set(asked)) == 2
    (line,) = [text for text in warnings(caplog) if "module AP" in text]
    assert line == (
        "The shipped schemas are used for module AP of SAMINC: $metadata of module AP of company "
        f"SAMINC cannot be used, since it {reason}: see what a browser shows at "
        f"{fake.url}/v1.0/-/SAMINC/AP/$metadata"
    )


def test_an_unknown_company_holds_up_no_other(site, discover, caplog):
    entries = discover({**site.config, "companies": ["SAMINC", "NOSUCH"]})
    assert list(entries) == ALL
    assert all(" for company NOSUCH" in text for text in warnings(caplog))


def test_nothing_but_unknown_companies_ends_discovery(site, discover, caplog):
    with pytest.raises(UnknownError, match=r"has no .* for company NOSUCH"):
        discover({**site.config, "companies": ["NOSUCH"]})
    assert warnings(caplog) == []


def test_an_unreachable_server_ends_discovery(fake_config, fake, discover):
    fake.stop()
    with pytest.raises(NoAccessError, match="cannot be reached"):
        discover(fake_config)


def test_discovery_counts_against_the_budget(site, discover, caplog):
    entries = discover({**site.config, "max_calls_per_run": 2})
    assert list(entries) == ALL
    assert site.calls() == 2
    assert (
        caplog.text.count("The calls of this run (max_calls_per_run) are spent") == len(MODULES) - 2
    )


class APTaxClasses(Sage300Stream):
    """A stream that no schema file is shipped for."""

    entity = Entity("APTaxClasses", "AP", ("ClassAxis", "ClassNumber"), date="DateLastMaintained")


@pytest.fixture
def one_more(monkeypatch):
    monkeypatch.setattr("tap_sage300.tap.STREAMS", (*STREAMS, APTaxClasses))


@pytest.mark.usefixtures("one_more")
def test_a_stream_without_a_schema_file_is_known_by_its_declaration(discover, caplog):
    entries = discover({})
    assert list(entries) == [*ALL[:-1], "APTaxClasses", ALL[-1]]
    entry = entries["APTaxClasses"]
    assert entry["key_properties"] == ["CompanyID", "ClassAxis", "ClassNumber"]
    assert entry["schema"]["properties"] == {
        "CompanyID": {
            "type": "string",
            "description": "Company database ID the record was read from.",
        },
        "ClassAxis": {"type": ["string", "integer"]},
        "ClassNumber": {"type": ["string", "integer"]},
        "DateLastMaintained": {"type": ["string", "null"], "format": "date-time"},
    }
    (line,) = [text for text in warnings(caplog) if "APTaxClasses" in text]
    assert line == (
        "This tap ships no schema of APTaxClasses: these properties are known, any other is "
        "skipped: CompanyID, ClassAxis, ClassNumber, DateLastMaintained (run --discover with "
        "settings to ask the site)"
    )


@pytest.mark.usefixtures("one_more")
def test_a_stream_without_a_schema_file_is_described_by_the_site(fake, fake_config, discover):
    fake.answer = lambda request: Response(EDMX if "/AP/" in request.path else "")
    properties = discover(fake_config)["APTaxClasses"]["schema"]["properties"]
    assert properties["ClassAxis"] == {"type": "string"}
    assert properties["ClassNumber"] == {"type": "integer"}
    assert properties["Description"] == {"type": ["string", "null"]}


@pytest.mark.usefixtures("one_more")
def test_a_stream_without_a_schema_file_is_read(fake, fake_config, helpers):
    row = {"ClassAxis": "Vendors", "ClassNumber": 1, "DateLastMaintained": None, "Other": "x"}
    fake.answer = lambda _request: helpers.page([row])
    output = helpers.sync(fake_config, catalog=helpers.only("APTaxClasses"))
    del row["Other"]
    assert output.records("APTaxClasses") == [{"CompanyID": "SAMINC", **row}]
