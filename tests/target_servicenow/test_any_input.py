"""Singer input of anyone's making: rows are right, or rejected with a reason, and then settled."""

from __future__ import annotations

import json
import os
import tracemalloc
import typing as t

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Instance, Singer

EXAMPLES = 300 if os.environ.get("NIGHTLY") == "1" else 12
TABLE = "u_any"
HUGE = {"HUGE": "1e99999999", "TINY": "-1e-999999999", "LONG": "7" * 5000, "EXACT": "12.90"}
"""What stands in a line in place of a word, since Python cannot write such numbers."""

NAMES = {
    "Vendor Number": "vendor_number",
    "user.login": "user_login",
    "class": "class",
    "None": "none",
    "len": "len",
    "record": "record",
    "größe": "gr__e",
    "javascript:x": "javascript_x",
    "it's": "it_s",
    "parent": "parent",
    # Columns that are the row's identity, or ServiceNow's own
    "correlation_id": None,
    "Sys-ID": None,
    "sys_updated_by": None,
    "": None,
}
"""Properties, and the column that each comes to in a mapping by name."""

DEFINITIONS = st.sampled_from(
    [
        {},
        {"type": ["string", "null"]},
        {"type": "integer"},
        {"type": ["null", "number"]},
        {"type": "boolean"},
        {"type": "string", "format": "date-time"},
        {"type": "array"},
        True,
    ]
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["2026-02-30", "2026-11-20T10:00:00+02:00", "x" * 50, " x ", "a\r\nb", "\0"]),
    st.sampled_from(["\ud83d", "a\udc00", "javascript:gs.sleep(1)", "^NQ", "a,b", "~", *HUGE]),
    st.sampled_from([{}, [], [None], {"a": [1]}, {"a": float("nan")}, ["\ud83d"], [[]]]),
)
KEYS = st.one_of(
    st.integers(0, 50),
    st.text(max_size=4),
    st.sampled_from([None, "", " ", "\ud83d", float("nan"), *HUGE, "javascript", "x" * 200, "a:b"]),
)


class Stream(t.NamedTuple):
    """A stream: definitions and records by property, the key beside them."""

    definitions: dict[str, t.Any]
    records: list[dict[str, t.Any]]
    mapped: bool


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    """A stream whose records lack some properties, and have others besides."""
    names = draw(st.lists(st.sampled_from(sorted(NAMES)), max_size=5, unique=True))
    keys = draw(st.lists(KEYS, min_size=1, max_size=6, unique_by=lambda key: str(key).rstrip()))
    some = st.dictionaries(st.sampled_from([*names, "undeclared"]), VALUES, max_size=5)
    return Stream(
        definitions={name: draw(DEFINITIONS) for name in names},
        records=[{**draw(some), "id": key} for key in keys],
        mapped=draw(st.booleans()),
    )


def lines(singer: Singer, stream: Stream) -> Iterator[str]:
    """The lines of a stream, with numbers that no Python value holds."""
    schema = singer.stream_schema(TABLE, {**stream.definitions, "id": {}}, ["id"])
    records = [singer.record(TABLE, record) for record in stream.records]
    for message in (schema, *records, singer.state({"n": 1})):
        line = json.dumps(message)
        for word, number in HUGE.items():
            line = line.replace(f'"{word}"', number)
        yield f"{line}\n"


def mapping(stream: Stream) -> dict[str, t.Any]:
    """A mapping of every property of a stream that has a column."""
    named = {name: column for name in stream.definitions if (column := NAMES[name])}
    columns = {column: f"record[{name!r}]" for name, column in named.items()}
    identity = {"entity": "Any", "key": ["id"]}
    table = {"stream": TABLE, "identity": identity, "columns": {"label": "'any'", **columns}}
    return {"source": "any", "tables": {TABLE: table}}


def test_any_input(instance: Instance, singer: Singer, tmp_path: Path) -> None:
    """Kind: names, nulls, NaN, half characters, huge numbers, odd keys, columns named like ours."""
    columns = ("id", "label", "correlation_id", *filter(None, NAMES.values()))
    if TABLE not in {row["name"] for row in instance.rows("sys_db_object")}:
        instance.sandbox.servicenow.define_table(TABLE, dict.fromkeys(columns, "string"))

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(streams())
    def run(stream: Stream) -> None:
        instance.sandbox.reset()
        for path in tmp_path.iterdir():
            path.unlink()
        path = tmp_path / "any.yml"
        path.write_text(yaml.safe_dump(mapping(stream)), encoding="utf-8")
        options = {"mapping": str(path)} if stream.mapped else {"unmapped_streams": "passthrough"}

        def load() -> None:
            result = instance.run(lines(singer, stream), **options)
            assert (result.code, result.states) == (0, [{"n": 1}]), result.errors

        tracemalloc.start()
        load()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20_000_000
        rows, rejects = instance.rows(TABLE), instance.rejects()
        assert len(rows) + len(rejects) == len(stream.records)
        assert len({row["correlation_id"] for row in rows}) == len(rows)
        assert all(row["correlation_id"].startswith(("any:", "singer:")) for row in rows)
        assert all(reason for _, reason in rejects.values())
        texts = {value for row in rows for value in row.values()}
        for record in stream.records:
            plain = isinstance(record["id"], int)
            if plain and not any(key.endswith(f":{record['id']}") for key in rejects):
                check_row(stream, record, rows)
        assert not any("\ud83d" in text or "nan" in text.split() for text in texts)

        instance.take_counters()
        load()
        assert instance.written() == (0, 0)
        assert instance.counts(TABLE).keys() <= {"unchanged", "rejected"}

    run()


def check_row(stream: Stream, record: dict[str, t.Any], rows: list[dict[str, str]]) -> None:
    """Check that every text of a record that was not rejected is in its row."""
    name = str(record["id"])
    found = [row for row in rows if row["correlation_id"].rpartition(":")[2] == name]
    if not found:  # rejected
        return
    [row] = found
    for prop, value in record.items():
        column = NAMES.get(prop)
        if column and stream.definitions.get(prop) == {} and isinstance(value, str):
            expected = HUGE.get(value, value).rstrip()
            assert row[column] == expected, (prop, value)
