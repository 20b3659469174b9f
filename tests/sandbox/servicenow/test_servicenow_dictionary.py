"""The tables in which the instance describes itself."""

import pytest

from sage300_servicenow_sandbox.servicenow import schema

BARE = {"exclude_reference_link": "true"}


def entry(instance, table, element):
    [row] = instance.list("sys_dictionary", query=f"name={table}^element={element}", **BARE)
    return {
        name: row[name]
        for name in (
            *("column_label", "internal_type", "max_length", "mandatory", "read_only"),
            *("reference", "choice", "active", "default_value", "attributes"),
        )
    }


PLAIN = {
    "mandatory": "false",
    "read_only": "false",
    "reference": "",
    "choice": "0",
    "active": "true",
    "default_value": "",
    "attributes": "",
}


@pytest.mark.parametrize(
    ("table", "element", "differs"),
    [
        (
            "proc_vendor",
            "name",
            {
                "column_label": "Name",
                "internal_type": "string",
                "max_length": "100",
                "mandatory": "true",
            },
        ),
        (
            "proc_vendor",
            "website",
            {"column_label": "Website", "internal_type": "url", "max_length": "1024"},
        ),
        (
            "proc_vendor",
            "active",
            {
                "column_label": "Active",
                "internal_type": "boolean",
                "max_length": "40",
                "default_value": "true",
            },
        ),
        (
            "sn_apo_invoice",
            "vendor",
            {
                "column_label": "Vendor",
                "internal_type": "reference",
                "max_length": "32",
                "reference": "proc_vendor",
            },
        ),
        (
            "sn_apo_invoice",
            "state",
            {
                "column_label": "State",
                "internal_type": "string",
                "max_length": "40",
                "choice": "1",
                "default_value": "open",
            },
        ),
        (
            "sn_apo_invoice",
            "exchange_rate",
            {
                "column_label": "Exchange rate",
                "internal_type": "decimal",
                "max_length": "15",
                "attributes": "scale=7",
            },
        ),
        (
            "sn_apo_invoice",
            "sys_id",
            {
                "column_label": "Sys ID",
                "internal_type": "GUID",
                "max_length": "32",
                "read_only": "true",
            },
        ),
        (
            "sn_apo_invoice",
            "",
            {"column_label": "AP invoice", "internal_type": "collection", "max_length": "40"},
        ),
    ],
)
def test_a_column_in_the_dictionary(instance, table, element, differs):
    assert entry(instance, table, element) == {**PLAIN, **differs}


def test_the_instance_describes_itself_with_what_was_switched(instance):
    instance.app.behave(
        columns=[
            {"table": "proc_vendor", "column": "city", "read_only": True, "max_length": 12},
            {"table": "sn_apo_invoice", "column": "invoice_type", "choices": {"x": "Exotic"}},
        ]
    )
    assert entry(instance, "proc_vendor", "city") == {
        **PLAIN,
        "column_label": "City",
        "internal_type": "string",
        "max_length": "12",
        "read_only": "true",
    }
    of_type = "name=sn_apo_invoice^element=invoice_type"
    assert instance.list("sys_choice", query=of_type, fields="value,label") == [
        {"value": "x", "label": "Exotic"}
    ]
    assert instance.list("sys_db_object", query="name=proc_vendor", fields="name,label") == [
        {"name": "proc_vendor", "label": "Vendor"}
    ]


@pytest.mark.parametrize("table", schema.load().tables)
def test_the_dictionary_names_the_columns_the_table_has(instance, table):
    entries = instance.list("sys_dictionary", query=f"name={table}^elementISNOTEMPTY", **BARE)
    elements = {row["element"] for row in entries}
    if not table.startswith("sys_"):
        mandatory = {row["element"]: "x" for row in entries if row["mandatory"] == "true"}
        instance.app.insert(table, mandatory)
    assert elements == set(instance.app.rows(table)[0])


def test_types_and_referenced_tables_are_references_by_name(instance):
    [row] = instance.list("sys_dictionary", query="name=sn_apo_invoice^element=vendor")
    base = f"{instance.url}/api/now/table"
    assert row["internal_type"] == {
        "link": f"{base}/sys_glide_object?name=reference",
        "value": "reference",
    }
    assert row["reference"] == {
        "link": f"{base}/sys_db_object?name=proc_vendor",
        "value": "proc_vendor",
    }
    walked = instance.list(
        "sys_dictionary",
        query="name=sn_apo_invoice^reference.label=Vendor",
        fields="name,element,reference.label",
    )
    assert walked == [{"name": "sn_apo_invoice", "element": "vendor", "reference.label": "Vendor"}]


def test_tables(instance):
    found = instance.list(
        "sys_db_object", query="nameINsn_apo_invoice,sn_apo_invoice_line^ORDERBYname"
    )
    assert [(row["name"], row["label"], row["super_class"]) for row in found] == [
        ("sn_apo_invoice", "AP invoice", ""),
        ("sn_apo_invoice_line", "AP invoice line", ""),
    ]


def test_choices(instance):
    found = instance.list(
        "sys_choice",
        query="name=sn_apo_invoice^element=invoice_type^inactive=false^ORDERBYsequence",
        fields="value,label",
    )
    assert found == [
        {"value": "invoice", "label": "Invoice"},
        {"value": "credit_note", "label": "Credit note"},
        {"value": "debit_note", "label": "Debit note"},
        {"value": "interest", "label": "Interest"},
    ]
