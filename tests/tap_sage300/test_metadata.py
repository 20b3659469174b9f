"""CSDL to JSON Schema, and what a site's schema adds to the shipped one."""

from __future__ import annotations

import pytest

from tap_sage300.api import metadata

EDMX = """<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">
 <edmx:DataServices>
  <Schema Namespace="Sage.AP" xmlns="http://docs.oasis-open.org/odata/ns/edm">
   <EntityType Name="Card" Abstract="true">
    <Key><PropertyRef Name="VendorNumber"/></Key>
    <Property Name="VendorNumber" Type="Edm.String" Nullable="false"/>
   </EntityType>
   <EntityType Name="Vendor" BaseType="Sage.AP.Card">
    <Property Name="City" Type="Edm.String"/>
    <Property Name="CreditLimit" Type="Edm.Decimal" Nullable="false"/>
    <Property Name="Invoices" Type="Edm.Decimal" Scale="0" Nullable="false"/>
    <Property Name="Id" Type="Edm.Int64" Nullable="false"/>
    <Property Name="FATCA" Type="Edm.Boolean"/>
    <Property Name="Seen" Type="Edm.DateTimeOffset"/>
    <Property Name="Born" Type="Edm.Date"/>
    <Property Name="Status" Type="Sage.AP.Status" Nullable="false"/>
    <Property Name="Photo" Type="Edm.Binary"/>
    <Property Name="Fields" Type="Collection(Sage.AP.Field)"/>
    <Property Name="Tags" Type="Collection(Edm.String)"/>
    <Property Name="UpdateOperation" Type="Sage.AP.Operation" Nullable="false"/>
    <NavigationProperty Name="Group" Type="Sage.AP.Card"/>
   </EntityType>
   <ComplexType Name="Field">
    <Property Name="Value" Type="Edm.String"/>
    <Property Name="Inner" Type="Collection(Sage.AP.Field)"/>
    <Property Name="UpdateOperation" Type="Sage.AP.Operation"/>
   </ComplexType>
   <EnumType Name="Status"><Member Name="Active" Value="1"/></EnumType>
  </Schema>
  <Schema Namespace="Default" xmlns="http://docs.oasis-open.org/odata/ns/edm">
   <EntityContainer Name="Container">
    <EntitySet Name="APVendors" EntityType="Sage.AP.Vendor"/>
    <EntitySet Name="APOther" EntityType="Sage.AP.Unknown"/>
   </EntityContainer>
  </Schema>
 </edmx:DataServices>
</edmx:Edmx>"""


def test_every_kind_of_property():
    sets = metadata.parse(EDMX.encode())
    assert list(sets) == ["APVendors"]
    inner = {"type": "object", "additionalProperties": True}
    assert sets["APVendors"] == {
        "type": "object",
        "properties": {
            "VendorNumber": {"type": "string"},
            "City": {"type": ["string", "null"]},
            "CreditLimit": {"type": "number"},
            "Invoices": {"type": "integer"},
            "Id": {"type": "integer"},
            "FATCA": {"type": ["boolean", "null"]},
            "Seen": {"type": ["string", "null"], "format": "date-time"},
            "Born": {"type": ["string", "null"], "format": "date"},
            "Status": {"type": "string"},
            "Photo": {"type": ["string", "null"]},
            "Fields": {
                "type": ["array", "null"],
                "items": {
                    "type": "object",
                    "properties": {
                        "Value": {"type": ["string", "null"]},
                        "Inner": {"type": ["array", "null"], "items": inner},
                    },
                    "additionalProperties": True,
                },
            },
            "Tags": {"type": ["array", "null"], "items": {"type": "string"}},
        },
    }


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "is no XML, or not in the encoding that it declares"),
        (b"<html><p>sign on</html>", "is no XML"),
        (b"<a/>", "describes no entities"),
        (b'{"value": []}', "is no XML, or not in the encoding that it declares"),
        (EDMX[:900].encode(), "is no XML"),
        (EDMX.replace("City", "St\u00e4dte").encode("cp1252"), (
            "is no XML, or not in the encoding that it declares"
        )),
    ],
)  # fmt: skip
def test_anything_else_is_not_metadata(body, reason):
    with pytest.raises(ValueError, match=rf"^{reason}$"):
        metadata.parse(body)


def test_types_that_multiply_are_bounded():
    """Kind: a document of a few kilobytes that describes a hundred million properties."""
    types = "".join(
        f'<ComplexType Name="T{level}">'
        + "".join(f'<Property Name="P{n}" Type="M.T{level + 1}"/>' for n in range(10))
        + "</ComplexType>"
        for level in range(8)
    )
    with pytest.raises(ValueError, match="more than 200000 properties"):
        metadata.parse(small(types + '<ComplexType Name="T8"/>', 'Type="M.T0"'))


def test_base_types_that_multiply_are_bounded():
    """Kind: many types, each based on the one before."""
    types = "".join(
        f'<EntityType Name="B{n}" BaseType="M.B{n + 1}"/><ComplexType Name="C{n}" '
        f'BaseType="M.B{n}"><Property Name="P" Type="M.C{n + 1}"/></ComplexType>'
        for n in range(2_000)
    )
    with pytest.raises(ValueError, match=r"more than 200000 properties"):
        metadata.parse(small(types, 'Type="M.C0"'))


WHOLE_OR_NULL, NUMBER_OR_NULL = {"type": ["integer", "null"]}, {"type": ["number", "null"]}
TEXT, TEXT_OR_NULL = {"type": "string"}, {"type": ["string", "null"]}
BASE = '<EntityType Name="R"><Property Name="A" Type="Edm.Int32"/></EntityType>'
MONEY = '<TypeDefinition Name="Money" UnderlyingType="Edm.Decimal"/>'
CIRCLE = (
    '<TypeDefinition Name="C" UnderlyingType="M.D"/><TypeDefinition Name="D" UnderlyingType="M.C"/>'
)
COUNT = '<TypeDefinition Name="Count" UnderlyingType="Edm.Decimal" Scale="0"/>'


@pytest.mark.parametrize(
    ("types", "prop", "base", "schema"),
    [
        (MONEY, 'Type="M.Money"', "", NUMBER_OR_NULL),
        (MONEY, 'Type="Self.Money"', "", NUMBER_OR_NULL),
        (MONEY, 'Type="M.Money" Scale="0"', "", WHOLE_OR_NULL),
        (COUNT, 'Type="M.Count" Nullable="false"', "", {"type": "integer"}),
        (
            MONEY,
            'Type="Collection(Self.Money)"',
            "",
            {"type": ["array", "null"], "items": {"type": "number"}},
        ),
        (CIRCLE, 'Type="M.C"', "", TEXT_OR_NULL),
        (BASE, None, 'BaseType="M.R"', WHOLE_OR_NULL),
        (BASE, None, 'BaseType="Self.R"', WHOLE_OR_NULL),
        ("", 'Type="Edm.Int32"', 'BaseType="M.V"', WHOLE_OR_NULL),
        (BASE.replace("R", 'R" BaseType="Self.V', 1), None, 'BaseType="M.R"', WHOLE_OR_NULL),
        ("", 'Type="Edm.Int32"', 'BaseType="M.Gone"', WHOLE_OR_NULL),
    ],
)
@pytest.mark.parametrize("entity_type", ["M.V", "Self.V"])
def test_names_of_types(types, prop, base, schema, entity_type):
    """Kind: type definitions, aliases of a schema, and base types that form a circle."""
    document = small(types, prop, base).replace(
        b'EntityType="M.V"', f'EntityType="{entity_type}"'.encode()
    )
    assert metadata.parse(document) == {"S": obj(A=schema)}


@pytest.mark.parametrize(
    ("declared", "encoding", "mark"),
    [
        (None, "utf-8", ""),
        ("utf-8", "utf-8", "\ufeff"),
        ("utf-16", "utf-8", ""),
        ("utf-8", "utf-16-le", "\ufeff"),
        ("utf-16", "utf-16-be", "\ufeff"),
        ("utf-16", "utf-16-le", ""),
        (None, "utf-16-be", ""),
        ("utf-8", "utf-32", ""),
        ("iso-8859-1", "iso-8859-1", ""),
        ("Windows-1252", "cp1252", ""),
        ("GB18030", "gb18030", ""),
        ("x-user-defined", "utf-8", ""),
        ("base64", "utf-8", ""),
        ("utf-8", "utf-8", "\r\n  "),
    ],
)
def test_encodings(declared, encoding, mark):
    """Kind: a proxy or server that encodes the document in its own way, or declares another."""
    head = "" if declared is None else f'<?xml version="1.0" encoding="{declared}"?>'
    text = mark + head + small("", 'Type="Edm.Int32"').decode().replace('"A"', '"Gr\u00f6\u00dfe"')
    found = metadata.parse(text.encode(encoding))
    assert found == {"S": {"type": "object", "properties": {"Gr\u00f6\u00dfe": WHOLE_OR_NULL}}}


def small(types, prop, base=""):
    """A document with one entity of one property, in a schema with an alias."""
    own = "" if prop is None else f'<Property Name="A" {prop}/>'
    return (
        '<Edmx xmlns="http://docs.oasis-open.org/odata/ns/edmx"><DataServices>'
        '<Schema Namespace="M" Alias="Self" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
        f'{types}<EntityType Name="V" {base}>{own}</EntityType>'
        '<EntityContainer Name="C"><EntitySet Name="S" EntityType="M.V"/></EntityContainer>'
        "</Schema></DataServices></Edmx>"
    ).encode()


def obj(**properties):
    return {"type": "object", "properties": properties}


NUMBER, WHOLE = {"type": "number"}, {"type": "integer"}
DATE = {"type": ["string", "null"], "format": "date-time"}


@pytest.mark.parametrize(
    ("ours", "theirs", "merged"),
    [
        ({"A": TEXT}, {"B": NUMBER}, {"A": TEXT, "B": NUMBER}),
        ({"A": TEXT}, {}, {"A": TEXT}),
        ({"A": TEXT}, {"A": TEXT_OR_NULL}, {"A": TEXT}),
        ({"A": WHOLE}, {"A": NUMBER}, {"A": WHOLE}),
        ({"A": {"type": ["boolean", "string"]}}, {"A": TEXT}, {"A": TEXT}),
        ({"A": TEXT_OR_NULL}, {"A": DATE}, {"A": DATE}),
        ({"A": TEXT}, {"HelperX": TEXT}, {"A": TEXT}),
        (
            {"A": {"type": "array", "items": obj(X=TEXT)}},
            {"A": {"type": ["array", "null"], "items": obj(X=TEXT, Y=WHOLE)}},
            {"A": {"type": "array", "items": obj(X=TEXT, Y=WHOLE)}},
        ),
    ],
)
def test_what_a_site_knows_better(ours, theirs, merged):
    assert metadata.merge(obj(**ours), obj(**theirs), ("Helper",)) == obj(**merged)


def test_what_is_shipped_allows_every_type_that_sites_have():
    ours = obj(
        A={"type": ["boolean", "string"]},
        B=DATE,
        C={"type": "array", "items": obj(X={"type": ["boolean", "string"]})},
    )
    theirs = obj(
        A={"type": "boolean"},
        B=TEXT,
        C={"type": "array", "items": obj(X=TEXT, Y=NUMBER)},
        D=TEXT,
    )
    items = obj(X={"type": ["boolean", "string"]}, Y=NUMBER)
    assert metadata.merge(ours, theirs, for_every_site=True) == obj(
        A={"type": ["boolean", "string"]}, B=DATE, C={"type": "array", "items": items}, D=TEXT
    )


def test_a_date_of_change():
    names = ("DateLastMaintained", "DateLastEdited")
    assert metadata.date_in(obj(DateLastEdited=DATE), names) == "DateLastEdited"
    assert metadata.date_in(obj(DateLastEdited=TEXT, Other=DATE), names) is None
