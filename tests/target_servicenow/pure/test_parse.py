"""Parsing a mapping: the profile it becomes, and the sentence for each mistake."""

from __future__ import annotations

import typing as t

import pytest
import yaml

from target_servicenow.mapping.expression import MappingError
from target_servicenow.mapping.parse import load, parse

if t.TYPE_CHECKING:
    from pathlib import Path

TYPES = "string, integer, decimal, boolean, date, datetime, currency"


def test_the_size_of_another_type_does_not_count(valid_mapping: dict[str, t.Any]) -> None:
    """Kind: an override of a column's type that is refused for the size of the old one."""
    columns = valid_mapping["tables"]["vendor"]["columns"]
    columns["name"] = {"value": "Name", "length": 60, "type": "decimal", "places": 3}
    columns["city"] = {"value": "City", "length": 30, "places": 3}
    name, _, city = parse(valid_mapping, "mine").table("vendor").columns
    assert [(c.length, c.places) for c in (name, city)] == [(0, 3), (30, None)]


def test_a_valid_mapping(valid_mapping: dict[str, t.Any]) -> None:
    profile = parse(valid_mapping, "mine")
    assert profile.source == "erp"
    assert [table.name for table in profile.tables] == ["vendor", "invoice"]
    vendor, invoice = profile.tables
    assert vendor.fields == ("u_source", "name", "active")
    assert (vendor.adopt_by, vendor.source_length, vendor.each) == ("name", 60, ())
    assert invoice.fields == (
        *("correlation_id", "number", "vendor", "total", "state"),
        "sys_mod_count",  # beside amounts
    )
    assert (invoice.each, invoice.references()) == (("Invoices",), {"vendor"})
    assert invoice.columns[3].choices == {"Open": "open", "1": "2"}
    assert [table.name for table in profile.of_stream("Batches")] == ["invoice"]
    assert profile.of_stream("Other") == ()


def test_the_default_mapping_requires_its_main_tables_and_orders_all_by_reference() -> None:
    tables = load("default").tables
    required = {table.name for table in tables if not table.optional}
    assert required >= {"itfm_gl_accounts", "proc_vendor", "sn_apo_invoice"}
    before: set[str] = set()
    for table in tables:
        assert table.references() <= before
        before.add(table.name)


def test_removing_a_table_removes_references_to_it(valid_mapping: dict[str, t.Any]) -> None:
    valid_mapping["tables"]["vendor"] = None
    [invoice] = parse(valid_mapping, "mine").tables
    assert invoice.fields == ("correlation_id", "number", "total", "state", "sys_mod_count")


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"tabels": {}}, "Mapping mine: 'tabels' is not one of ledger, rules, source, tables"),
        ({"tables": None}, "Mapping mine: it needs `tables`, each with its columns"),
        (
            {"source": None},
            (
                "Mapping mine: source is missing: name the system that the rows come from, which "
                "is the first part of their source identifiers, such as sage300"
            ),
        ),
        (
            {"tables": {"vendor": {"columns": {"U_Source": "Name"}}}},
            (
                "Mapping mine, table vendor, column U_Source: it cannot be mapped, since it holds "
                "the source identifiers (source_column): remove it, or name another column"
            ),
        ),
        (
            {"tables": {"invoice": {"columns": {"sys_id": "Number"}}}},
            (
                "Mapping mine, table invoice, column sys_id: it cannot be mapped, since it belongs "
                "to ServiceNow, as all sys_ columns do: remove it, or name another column"
            ),
        ),
        (
            {"tables": {"invoice": {"when_gone": {"correlation_id": "gone"}}}},
            (
                "Mapping mine, table invoice, column correlation_id: it cannot be mapped, since it "
                "holds the source identifiers (source_column): remove it, or name another column"
            ),
        ),
        (
            {"tables": {"vendor": {"source_column": "javascript:x"}}},
            (
                "Mapping mine, table vendor: 'javascript:x' is not the name of a table or column "
                "in ServiceNow, which is made of letters, digits and underscores"
            ),
        ),
        (
            {"tables": {"invoice": {"columns": {"a^b": "Number"}}}},
            (
                "Mapping mine, table invoice: 'a^b' is not the name of a table or column in "
                "ServiceNow, which is made of letters, digits and underscores"
            ),
        ),
        (
            {"tables": {"ven,dor": {"stream": "Vendors"}}},
            (
                "Mapping mine: 'ven,dor' is not the name of a table or column in ServiceNow, which "
                "is made of letters, digits and underscores"
            ),
        ),
        (
            {"tables": {"vendor": {"source_column": "sys_id"}}},
            (
                "Mapping mine, table vendor: source_column sys_id belongs to ServiceNow, as all "
                "sys_ columns do: name another column"
            ),
        ),
        (
            {"tables": {"vendor": "Vendors"}},
            "Mapping mine, table vendor: it needs stream, identity and columns",
        ),
        (
            {"tables": {"vendor": {"steam": "x"}}},
            (
                "Mapping mine, table vendor: 'steam' is not one of adopt_by, columns, create_when, "
                "each, identity, money, optional, source_column, source_length, stream, when_gone, "
                "where"
            ),
        ),
        (
            {"tables": {"vendor": {"stream": None}}},
            "Mapping mine, table vendor: stream is missing",
        ),
        (
            {"tables": {"vendor": {"identity": "Number"}}},
            "Mapping mine, table vendor: identity needs entity and key",
        ),
        (
            {"tables": {"vendor": {"identity": {"key": None}}}},
            "Mapping mine, table vendor: identity needs entity and key",
        ),
        (
            {"tables": {"vendor": {"identity": {"key": [None]}}}},
            "Mapping mine, table vendor, identity: part of its key is empty",
        ),
        (
            {"tables": {"vendor": {"identity": {"keys": []}}}},
            "Mapping mine, table vendor, identity: 'keys' is not one of company, entity, key",
        ),
        (
            {"tables": {"vendor": {"columns": ["name"]}}},
            "Mapping mine, table vendor: columns must name each column with what it is made from",
        ),
        (
            {"tables": {"vendor": {"adopt_by": "fax"}}},
            "Mapping mine, table vendor: adopt_by names fax, which is not one of its columns",
        ),
        (
            {"tables": {"vendor": {"source_length": 20}}},
            (
                "Mapping mine, table vendor: source_length is 20: it must be a whole number of at "
                "least 40"
            ),
        ),
        (
            {"tables": {"vendor": {"source_length": "long"}}},
            (
                "Mapping mine, table vendor: source_length is 'long': it must be a whole number of "
                "at least 40"
            ),
        ),
        (
            {"tables": {"vendor": {"where": "Status ="}}},
            "Mapping mine, table vendor, where: 'Status =' is not an expression (invalid syntax",
        ),
        (
            {"tables": {"vendor": {"columns": {"name": "lower(Name)"}}}},
            (
                "Mapping mine, table vendor, column name: 'lower(Name)' calls lower; a mapping can "
                "call decimal, first, int, join, len, optional_field, str"
            ),
        ),
        (
            {"tables": {"vendor": {"columns": {"name": {"type": "string"}}}}},
            (
                "Mapping mine, table vendor, column name: it needs a `value`, or a `reference` "
                "with its `key`"
            ),
        ),
        (
            {"tables": {"vendor": {"columns": {"name": {"values": "Name"}}}}},
            (
                "Mapping mine, table vendor, column name: 'values' is not one of choices, "
                "currency, key, length, places, reference, take, type, value"
            ),
        ),
        (
            {"tables": {"vendor": {"columns": {"name": {"value": "Name", "length": "sixty"}}}}},
            (
                "Mapping mine, table vendor, column name: length is 'sixty': it must be a whole "
                "number"
            ),
        ),
        (
            {
                "tables": {
                    "vendor": {"columns": {"name": {"value": "N", "type": "decimal", "places": -1}}}
                }
            },
            "Mapping mine, table vendor, column name: places is -1: it must be a whole number",
        ),
        (
            {"tables": {"vendor": {"columns": {"name": {"value": "Name", "type": "float"}}}}},
            f"Mapping mine, table vendor, column name: type 'float' is not one of {TYPES}",
        ),
        (
            {"tables": {"vendor": {"columns": {"name": {"value": "Name", "choices": ["a"]}}}}},
            (
                "Mapping mine, table vendor, column name: choices must give ServiceNow's value for "
                "each of the source's"
            ),
        ),
        (
            {"tables": {"vendor": {"columns": {"name": {"value": "Name", "type": "currency"}}}}},
            "Mapping mine, table vendor, column name: type currency and `currency` go together",
        ),
        (
            {"tables": {"vendor": {"columns": {"name": {"value": "Name", "currency": "C"}}}}},
            "Mapping mine, table vendor, column name: type currency and `currency` go together",
        ),
        (
            {"tables": {"invoice": {"columns": {"vendor": {"reference": "vendor"}}}}},
            (
                "Mapping mine, table invoice, column vendor: a reference takes `reference` and "
                "`key`, and no `value`"
            ),
        ),
        (
            {"tables": {"invoice": {"columns": {"vendor": {"value": "Vendor"}}}}},
            (
                "Mapping mine, table invoice, column vendor: a reference takes `reference` and "
                "`key`, and no `value`"
            ),
        ),
        (
            {"tables": {"invoice": {"columns": {"vendor": {"reference": "v", "key": "V"}}}}},
            (
                "Mapping mine, table invoice, column vendor: it references v, which this mapping "
                "does not fill"
            ),
        ),
        (
            {"tables": {"invoice": {"columns": {"vendor": {"take": "fax"}}}}},
            (
                "Mapping mine, table invoice, column vendor: it takes fax, which is not a mapped "
                "column of vendor"
            ),
        ),
        (
            {"rules": {"center": []}},
            "Mapping mine, rules center: it needs at least one rule with a code",
        ),
        (
            {"rules": {"center": [{"otherwise": "hold"}]}},
            "Mapping mine, rules center: it needs at least one rule with a code",
        ),
        (
            {"rules": {"center": [{"code": "Number"}, {"otherwise": "wait"}]}},
            "Mapping mine, rules center: otherwise is 'wait': it must be one of hold, none",
        ),
        (
            {"rules": {"center": [{"when": "Number != ''"}]}},
            "Mapping mine, rules center, rule 1: it needs a code",
        ),
        (
            {"rules": {"center": [{"code": "Number"}, "Number"]}},
            "Mapping mine, rules center, rule 2: it needs a code",
        ),
        (
            {"rules": {"center": [{"code": "Number", "if": "Number"}]}},
            "Mapping mine, rules center, rule 1: 'if' is not one of code, name, when",
        ),
        (
            {"rules": {"center": [{"otherwise": "hold"}, {"code": "Number"}]}},
            "Mapping mine, rules center, rule 1: it needs a code",
        ),
        (
            {"rules": {"center": [{"code": "upper(Number)"}]}},
            (
                "Mapping mine, rules center, rule 1: 'upper(Number)' calls upper; a mapping can "
                "call decimal, first, int, join, len, optional_field, str"
            ),
        ),
        (
            {"rules": ["Number"]},
            "Mapping mine: rules must give a list of rules for each name",
        ),
        (
            {"tables": {"vendor": {"when_gone": "inactive"}}},
            "Mapping mine, table vendor: when_gone must give a value for each column it sets",
        ),
        (
            {"tables": {"vendor": {"when_gone": ["active"]}}},
            "Mapping mine, table vendor: when_gone must give a value for each column it sets",
        ),
        (
            {"tables": {"vendor": {"columns": {True: "Name"}}}},
            "Mapping mine, table vendor: the name True is not text: put it in quotes",
        ),
        (
            {"tables": {2026: {"stream": "Vendors"}}},
            "Mapping mine: the name 2026 is not text: put it in quotes",
        ),
        (
            {"tables": {"vendor": {"adopt_by": ["name"]}}},
            "Mapping mine, table vendor: adopt_by names ['name'], which is not one of its columns",
        ),
        (
            {"tables": {"invoice": {"money": "total"}}},
            "Mapping mine, table invoice: money needs amount, the column that holds the amount",
        ),
        (
            {"tables": {"invoice": {"money": {"amount": "total", "code": "state"}}}},
            "Mapping mine, table invoice, money: 'code' is not one of amount, credit, currency",
        ),
        (
            {"tables": {"invoice": {"money": {"amount": "total", "credit": "state"}}}},
            (
                "Mapping mine, table invoice: credit in money must give the value of each column "
                "that marks a credit"
            ),
        ),
        (
            {"tables": {"invoice": {"money": {"amount": "total", "credit": {"vendor": "1"}}}}},
            (
                "Mapping mine, table invoice: money names vendor, which is not one of its columns "
                "with a value: name another one, or remove it with money: null"
            ),
        ),
        (
            {"tables": {"invoice": {"money": {"amount": "number"}}}},
            (
                "Mapping mine, table invoice: money names number as its amount, which is of type "
                "string: it must be of type decimal, integer or currency"
            ),
        ),
        (
            {
                "tables": {
                    "invoice": {
                        "columns": {"n": {"value": "N", "type": "integer"}},
                        "money": {"amount": "n"},
                    }
                }
            },
            (
                "Mapping mine, table invoice: money needs currency, the column that holds the code,"
                " unless its amount is of type currency, which holds its own"
            ),
        ),
        (
            {"tables": {"vendor": {"optional": "yes"}}},
            "Mapping mine, table vendor: optional is 'yes': it must be true or false",
        ),
        (
            {
                "tables": {
                    "invoice": {
                        "columns": {
                            "city": {"reference": "vendor", "key": ["Vendor"], "take": "city"}
                        }
                    }
                }
            },
            (
                "Mapping mine, table invoice, column city: it takes city, which is not a mapped "
                "column of vendor"
            ),
        ),
        (
            {"tables": {"vendor": {"columns": {"name": {"value": "Name", "take": "x"}}}}},
            "Mapping mine, table vendor, column name: `take` goes with a reference",
        ),
        (
            {"tables": {"vendor": {"columns": {"name": "("}}}},
            "Mapping mine, table vendor, column name: '(' is not an expression ('(' was never ",
        ),
        (
            {
                "tables": {
                    "vendor": {"columns": {"last": {"reference": "invoice", "key": ["A", "B"]}}}
                }
            },
            "Mapping mine: its references form a cycle: ",
        ),
    ],
)
def test_a_mistake(
    tmp_path: Path, valid_mapping: dict[str, t.Any], overrides: dict[str, t.Any], sentence: str
) -> None:
    path = tmp_path / "mine"
    path.write_text(yaml.safe_dump(valid_mapping), encoding="utf-8")
    with pytest.raises(MappingError) as caught:
        load(str(path), overrides)
    message = str(caught.value).replace(str(path), "mine")
    assert message.startswith(sentence)
    assert "\n" not in message
    if not sentence.endswith((": ", "syntax", "never ")):
        assert message == sentence


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "Mapping mine: it needs `tables`, each with its columns"),
        (b"- a\n", "Mapping mine: it needs `tables`, each with its columns"),
        (b"tables: {}\n", "Mapping mine: it needs `tables`, each with its columns"),
        (b"tables: [unclosed\n", "Mapping mine: not YAML: while parsing a flow sequence in "),
        (
            "source: sage300".encode("utf-16"),
            "Mapping mine is not UTF-8 text (it looks like UTF-16): save it as UTF-8",
        ),
        (
            "source: sage300".encode("utf-16-le"),
            "Mapping mine is not UTF-8 text (it looks like UTF-16): save it as UTF-8",
        ),
        (
            "# Société".encode("cp1252"),
            "Mapping mine is not UTF-8 text (it looks like Windows-1252): save it as UTF-8",
        ),
        (
            None,
            (
                "The setting mapping names 'mine', which is neither a shipped profile (default) "
                "nor a file that can be read"
            ),
        ),
    ],
)
def test_a_file_that_is_not_a_mapping(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "mine"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MappingError) as caught:
        load(str(path))
    message = str(caught.value).replace(str(path), "mine")
    assert message.startswith(sentence)
    assert "\n" not in message


def test_a_byte_order_mark_and_the_home_folder(
    tmp_path: Path, valid_mapping: dict[str, t.Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: files as editors on Windows save them, in the user's own folder."""
    text = yaml.safe_dump(valid_mapping)
    (tmp_path / "mine.yml").write_text(text, encoding="utf-8-sig")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert load("~/mine.yml").source == "erp"


def test_overrides_change_add_and_remove() -> None:
    overrides = {
        "tables": {
            "proc_vendor": {
                "source_column": "u_sage",
                "adopt_by": None,
                "columns": {
                    "fax": None,
                    "city": "ShortName",
                    "u_terms": "Terms",
                    "gl_account": {"reference": None, "key": None, "value": "GLAccount"},
                },
            },
            "sn_apo_invoice": {"each": None, "columns": {"vendor": None}},
        }
    }
    profile = load("default", overrides)
    vendor, invoice = profile.table("proc_vendor"), profile.table("sn_apo_invoice")
    columns = {column.name: column for column in vendor.columns}
    assert (vendor.source_column, vendor.adopt_by) == ("u_sage", None)
    assert "fax" not in columns
    made_of = {name: columns[name].value for name in ("city", "u_terms", "gl_account")}
    assert {name: value and value.text for name, value in made_of.items()} == {
        "city": "ShortName",
        "u_terms": "Terms",
        "gl_account": "GLAccount",
    }
    assert columns["gl_account"].reference is None
    assert vendor.references() == invoice.references() == set()
    assert invoice.each == ()
