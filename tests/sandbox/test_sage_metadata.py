"""$metadata against what is really sent."""

from __future__ import annotations

import re
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from sage300_servicenow_sandbox.sage.resources import MODULES, RESOURCES

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Model:
    def __init__(self, document: bytes) -> None:
        self.root = ElementTree.fromstring(document)
        namespace = self.root.find(f".//{EDM}Schema").get("Namespace")
        self.types = {
            f"{namespace}.{element.get('Name')}": {
                prop.get("Name"): prop for prop in element.findall(f"{EDM}Property")
            }
            for kind in ("EntityType", "ComplexType")
            for element in self.root.iter(f"{EDM}{kind}")
        }
        self.enums = {
            f"{namespace}.{element.get('Name')}": {m.get("Name") for m in element}
            for element in self.root.iter(f"{EDM}EnumType")
        }
        self.sets = {
            element.get("Name"): element.get("EntityType")
            for element in self.root.iter(f"{EDM}EntitySet")
        }

    def is_complex(self, type_name: str) -> bool:
        name = type_name.rpartition(".")[2]
        return self.root.find(f".//{EDM}ComplexType[@Name='{name}']") is not None

    def keys(self, resource: str) -> list[str]:
        name = self.sets[resource].rpartition(".")[2]
        entity = self.root.find(f".//{EDM}EntityType[@Name='{name}']")
        return [ref.get("Name") for ref in entity.iter(f"{EDM}PropertyRef")]

    def check(self, type_name: str, record: dict) -> None:
        """Assert that a record has the type's properties, in order, with fitting values."""
        assert list(record) == list(self.types[type_name])
        for name, prop in self.types[type_name].items():
            self._check_value(prop, record[name])

    def _check_value(self, prop: ElementTree.Element, value: object) -> None:
        edm, nullable = prop.get("Type"), prop.get("Nullable") != "false"
        if edm.startswith("Collection("):
            item_type = edm[len("Collection(") : -1]
            assert self.is_complex(item_type)
            for item in value:
                self.check(item_type, item)
        elif edm in self.enums:
            assert not nullable, prop.attrib
            assert value in self.enums[edm], prop.attrib
        elif edm == "Edm.String":
            assert isinstance(value, str), prop.attrib
        elif edm == "Edm.DateTimeOffset":
            assert (nullable and value is None) or DATE.fullmatch(value), prop.attrib
        else:
            allowed = {
                "Edm.Decimal": (int, Decimal),
                "Edm.Int32": int,
                "Edm.Int64": int,
                "Edm.Boolean": bool,
            }
            assert not nullable, prop.attrib
            assert isinstance(value, allowed[edm]), prop.attrib


def _url(reader, module):
    return reader.url(module).removesuffix(module) + "$metadata"


@pytest.fixture(scope="module")
def models(reader):
    return {module: Model(reader.session.get(_url(reader, module)).content) for module in MODULES}


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=list(RESOURCES))
def test_every_record_is_as_the_metadata_say(reader, models, resource):
    model = models[resource.module]
    assert model.keys(resource.name) == list(resource.keys)
    records = reader.records(resource.name)
    assert records
    for record in records:
        model.check(model.sets[resource.name], record)


def test_the_documents_are_xml_of_their_module(reader, models):
    answer = reader.session.get(_url(reader, "AP"))
    assert answer.headers["Content-Type"].startswith("application/xml")
    assert ElementTree.fromstring(answer.content).get("Version") == "4.0"
    assert {module: set(model.sets) for module, model in models.items()} == {
        module: {name for name in RESOURCES if name.startswith(module)} for module in MODULES
    }


@pytest.mark.parametrize(
    ("type_name", "properties"),
    [
        ("AP.WebApi.Models.Vendor", 133),
        ("AP.WebApi.Models.InvoiceBatch", 18),
        ("AP.WebApi.Models.Invoice", 251),
        ("AP.WebApi.Models.InvoiceDetail", 198),
        ("AP.WebApi.Models.InvoicePaymentSchedule", 10),
        ("AP.WebApi.Models.InvoiceOptionalField", 21),
        ("GL.WebApi.Models.Account", 84),
        ("AP.WebApi.Models.VendorGroup", 34),
        ("AP.WebApi.Models.PaymentAndAdjustmentBatch", 29),
        ("PO.WebApi.Models.PurchaseOrder", 329),
        ("PO.WebApi.Models.PurchaseOrderLine", 238),
        ("IC.WebApi.Models.Item", 99),
    ],
)
def test_types_have_all_their_properties(models, type_name, properties):
    model = models[type_name[:2]]
    assert len(model.types[f"Sage.CA.SBS.ERP.Sage300.{type_name}"]) == properties


def test_numbers_that_are_whole_in_practice_are_decimals_in_the_metadata(reader, models):
    types = models["AP"].types
    prefix = "Sage.CA.SBS.ERP.Sage300.AP.WebApi.Models."
    for type_name, name in (
        ("InvoiceBatch", "BatchNumber"),
        ("Invoice", "EntryNumber"),
        ("InvoiceDetail", "LineNumber"),
    ):
        assert types[prefix + type_name][name].get("Type") == "Edm.Decimal"
    for batch in reader.records("APInvoiceBatches"):
        assert type(batch["BatchNumber"]) is int
        for invoice in batch["Invoices"]:
            assert type(invoice["EntryNumber"]) is int
            assert {type(line["LineNumber"]) for line in invoice["InvoiceDetails"]} == {int}


def test_a_module_that_is_not_there_has_no_metadata(reader):
    assert reader.session.get(_url(reader, "XX")).status_code == 404
