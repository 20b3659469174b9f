"""A mapping derived from the schema of any stream."""

from __future__ import annotations

import pytest

from target_servicenow.mapping.expression import MappingError
from target_servicenow.mapping.passthrough import passthrough
from target_servicenow.mapping.profile import Profile
from target_servicenow.mapping.render import render_record


@pytest.mark.parametrize(
    ("definition", "kind"),
    [
        ({"type": "string"}, "string"),
        ({"type": ["null", "string"], "format": "date"}, "date"),
        ({"type": "string", "format": "date-time"}, "datetime"),
        ({"type": ["boolean", "null"]}, "boolean"),
        ({"type": "integer"}, "integer"),
        ({"type": ["number", "null"]}, "decimal"),
        ({"type": ["number", "string"]}, "string"),
        ({"type": "object"}, "string"),
        ({"type": "array"}, "string"),
        ({"anyOf": [{"type": "integer"}]}, "string"),
        (True, "string"),
    ],
)
def test_the_type_of_a_column(definition: object, kind: str) -> None:
    table = passthrough("s", {"properties": {"p": definition}}, ())
    assert [(column.name, column.type.value) for column in table.columns] == [("p", kind)]


def test_names_are_converted_to_servicenow_names() -> None:
    properties = ("Id", "agent:type", "class", "None", "len", "my-name", "größe")
    schema = {"properties": {name: {"type": "string"} for name in properties}}
    table = passthrough("test:Special!Chars", schema, ("agent:type", "class"))
    record = {name: f"<{name}>" for name in properties}
    [row] = render_record(Profile("sage300", (table,)), table, record)
    assert row.table == "test_special_chars"
    assert row.identifier == "singer:test%3ASpecial%21Chars:%3Cagent%3Atype%3E:%3Cclass%3E"
    assert row.values == {
        "id": "<Id>",
        "agent_type": "<agent:type>",
        "class": "<class>",
        "none": "<None>",
        "len": "<len>",
        "my_name": "<my-name>",
        "gr__e": "<größe>",
    }


def test_without_key_properties_the_whole_record_is_the_key() -> None:
    table = passthrough("s", {"properties": {"a": {}, "b": {}}}, ())
    profile = Profile("sage300", (table,))
    names = [
        row.identifier
        for record in ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 3})
        for row in render_record(profile, table, record)
    ]
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("singer:s:")


def test_columns_that_cannot_be_written_are_skipped(caplog: pytest.LogCaptureFixture) -> None:
    """Kind: a property of the tap's own that would overwrite a row's identity."""
    names = ("id", "Correlation-ID", "sys_id", "sys_created_on", "")
    table = passthrough("s", {"properties": {name: {} for name in names}}, ("sys_id",))
    assert table.fields == ("correlation_id", "id")
    profile = Profile("sage300", (table,))
    [row] = render_record(profile, table, {name: f"<{name}>" for name in names})
    assert (row.identifier, row.values) == ("singer:s:%3Csys_id%3E", {"id": "<id>"})
    assert [record.getMessage() for record in caplog.records][:2] == [
        (
            "Property 'Correlation-ID' of stream s is skipped, since its column correlation_id "
            "holds the source identifiers (source_column): rename it with stream_maps to keep it"
        ),
        (
            "Property 'sys_id' of stream s is skipped, since its column sys_id belongs to "
            "ServiceNow, as all sys_ columns do: rename it with stream_maps to keep it"
        ),
    ]
    assert len(caplog.records) == 4


def test_two_properties_with_the_same_column_name() -> None:
    with pytest.raises(MappingError) as caught:
        passthrough("people", {"properties": {"Id": {}, "id": {}}}, ("id",))
    assert str(caught.value) == (
        "Stream people has several properties for the column id: rename or remove all but one "
        "with stream_maps, or map the stream"
    )
