"""Input that is not from a Singer tap ends the run with one sentence that names the line."""

from __future__ import annotations

import io
import json
import typing as t
from decimal import Decimal

import pytest

from target_servicenow.message_reader import MessageReader

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

ADVICE = "check that what is piped in is a Singer tap's output"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("hush-hush", "Line 2 of the input is not JSON"),
        ("\0{\0}", "Line 2 of the input is not UTF-8 text (it looks like UTF-16)"),
        ('{"type": "STATE", "value": 1', "Line 2 of the input is not JSON"),
        ("[" * 100_000, "Line 2 of the input is not JSON"),
        ("[]", "Line 2 of the input is not a JSON object"),
        ('"hush-hush"', "Line 2 of the input is not a JSON object"),
        ("{}", "Line 2 of the input has no type"),
        ('{"type": "STATE"}', "Line 2 of the input has no value"),
        ('{"type": "RECORD", "x": "hush-hush"}', "Line 2 of the input has no stream and no record"),
        ('{"type": "SCHEMA", "stream": "s"}', "Line 2 of the input has no schema"),
        (
            '{"type": "SCHEMA", "stream": "s", "schema": {}}',
            "Line 2 of the input has a schema that is not an object with properties",
        ),
        ('{"type": "ROW"}', "Line 2 of the input has type 'ROW', which Singer does not define"),
        ('{"type": 7}', "Line 2 of the input has type '7', which Singer does not define"),
        (
            '{"type": "RECORD", "stream": "s", "record": {}}',
            "Line 2 of the input is a RECORD of stream s before any SCHEMA of it",
        ),
    ],
)
def test_a_line_that_is_not_a_message(
    instance: Instance, singer: Singer, line: str, sentence: str
) -> None:
    first = singer.schema("APVendors")
    result = instance.run([first, f"{line}\n", singer.state({"n": 2})])
    assert (result.code, result.states) == (1, [])
    assert result.errors == [f"{sentence}: {ADVICE}"]
    assert "hush-hush" not in instance.caplog.text
    assert instance.query("SELECT status, message FROM runs") == [("stopped", result.errors[0])]


def test_nan_and_half_surrogate_pairs_of_other_taps(instance: Instance, singer: Singer) -> None:
    line = json.dumps(singer.vendor("1", Score=float("nan"), City="Delft"))
    assert "NaN" in line
    assert instance.run([*singer.vendors(), f"{line}\n"]).code == 0
    assert instance.by_source("proc_vendor")["1"]["city"] == "Delft"
    line = '{"type": "STATE", "value": {"City": "\\ud83d", "Amount": 0.10}}'
    half = MessageReader().deserialize_json(line)["value"]
    assert half == {"City": "\ud83d", "Amount": Decimal("0.10")}


@pytest.mark.parametrize(
    ("encoding", "line", "likely"),
    [("utf-16", 1, "UTF-16"), ("utf-16-le", 3, "UTF-16"), ("cp1252", 3, "Windows-1252")],
)
def test_input_in_another_encoding(
    instance: Instance, singer: Singer, encoding: str, line: int, likely: str
) -> None:
    """Kind: what a pipe or an editor on Windows wrote; the line is the one that holds it."""
    messages = [*singer.vendors(singer.vendor("1"), singer.vendor("2", City="Düren"))]
    text = "".join(f"{json.dumps(message, ensure_ascii=False)}\n" for message in messages)
    content = io.TextIOWrapper(io.BytesIO(text.encode(encoding)), encoding="utf-8")
    result = instance.run(content)
    assert (result.code, result.errors) == (
        1,
        [f"Line {line} of the input is not UTF-8 text (it looks like {likely}): {ADVICE}"],
    )


def test_a_byte_order_mark_and_blank_lines(instance: Instance, singer: Singer) -> None:
    """Kind: input as editors save it: a mark before it, and blank lines in it and after it."""
    first, second = (f"{json.dumps(message)}\n" for message in singer.vendors(singer.vendor("1")))
    result = instance.run([f"\ufeff{first}", "\n", second, " \r\n", singer.state(1), "\n", ""])
    assert (result.code, result.states) == (0, [1])
    assert instance.by_source("proc_vendor").keys() == {"1"}
    result = instance.run([first, "\n", "hush-hush\n"])
    assert result.errors == [f"Line 3 of the input is not JSON: {ADVICE}"]


def test_a_record_without_its_key(instance: Instance, singer: Singer) -> None:
    record = singer.record("APVendors", {"VendorNumber": "1", "VendorName": "hush-hush"})
    result = instance.run([*singer.vendors(record), singer.state({"n": 1})])
    assert (result.code, result.states) == (1, [])
    assert result.errors == [
        (
            "Line 2 of the input is a record of stream APVendors without its key property "
            f"CompanyID (check stream_maps too, if it is set): {ADVICE}"
        )
    ]
    assert "hush-hush" not in instance.caplog.text


def test_batch_messages_are_not_supported(instance: Instance, singer: Singer) -> None:
    message = {
        "type": "BATCH",
        "stream": "APVendors",
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "manifest": ["file:///no-such-file"],
    }
    result = instance.run([*singer.vendors(), message, singer.state(1)])
    assert (result.code, result.states) == (1, [])
    assert result.errors == [
        (
            "Line 2 of the input is a BATCH message of stream APVendors, which this target does "
            f"not support (turn off batch_config in the tap): {ADVICE}"
        )
    ]


def test_stream_maps(instance: Instance, singer: Singer) -> None:
    maps = {"APVendors": {"City": "City.upper()", "__filter__": "VendorNumber != '2'"}}
    vendors = [singer.vendor(n, City="Delft") for n in ("1", "2")]
    assert instance.run(singer.vendors(*vendors), stream_maps=maps).code == 0
    rows = instance.by_source("proc_vendor")
    assert {name: row["city"] for name, row in rows.items()} == {"1": "DELFT"}
