"""Messages of any shape are accepted, or end the run with one sentence that names their line."""

from __future__ import annotations

import json
import os
import re
import typing as t
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Instance, Singer

SENTENCE = re.compile(
    r"Line \d+ of the input .*: check that what is piped in is a Singer tap's output", re.DOTALL
)
EXAMPLES = 300 if os.environ.get("NIGHTLY") == "1" else 25

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["APVendors", "u_things", "object", "string", "date-time", "id"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["properties", "type", "items", "anyOf", "format", "id"])
            | st.text(max_size=4),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
STREAM = {"stream": "u_things"}
SCHEMA = {"properties": {"id": {"type": "string"}, "name": {"type": ["string", "null"]}}}
VALID: dict[str, dict[str, t.Any]] = {
    "SCHEMA": {**STREAM, "schema": SCHEMA, "key_properties": ["id"]},
    "RECORD": {**STREAM, "record": {"id": "1", "name": "one"}, "version": 1},
    "STATE": {"value": {"bookmarks": {}}},
    "ACTIVATE_VERSION": {**STREAM, "version": 1},
    "BATCH": {**STREAM, "encoding": {"format": "jsonl"}, "manifest": []},
}


@st.composite
def misshapen(draw: st.DrawFn, kind: str) -> dict[str, t.Any]:
    """A message of a kind with fields missing or of another type."""
    message: dict[str, t.Any] = {"type": kind, **VALID[kind]}
    fields = draw(st.lists(st.sampled_from(sorted(VALID[kind])), min_size=1, unique=True))
    for field in fields:
        if draw(st.booleans()):
            message[field] = draw(JSON)
        else:
            del message[field]
    if draw(st.integers(0, 9)) == 0:
        message["type"] = draw(JSON)
    return message


@pytest.fixture(autouse=True)
def _table(instance: Instance) -> None:
    with suppress(ValueError):  # it exists already
        instance.sandbox.servicenow.define_table(
            "u_things", dict.fromkeys(("id", "name", "correlation_id"), "string")
        )


def lines(singer: Singer, message: dict[str, t.Any]) -> Iterator[str]:
    """The lines of a mapped and an unmapped stream, with a message among them."""
    unmapped = [{"type": kind, **VALID[kind]} for kind in ("SCHEMA", "RECORD")]
    for one in (*singer.vendors(singer.vendor("1")), *unmapped, message, singer.vendor("2")):
        yield f"{json.dumps(one)}\n"


def is_valid_schema(message: dict[str, t.Any]) -> bool:
    """Whether the message is still a valid SCHEMA, perhaps of another stream."""
    name = message.get("stream")
    renamed = {**message, **STREAM}
    return (
        isinstance(name, str)
        and bool(name.strip())
        and renamed == {"type": "SCHEMA", **VALID["SCHEMA"]}
    )


@pytest.mark.parametrize("kind", VALID)
def test_malformed_messages(instance: Instance, singer: Singer, kind: str) -> None:
    """No traceback, and a run that goes on loses nothing."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(misshapen(kind))
    def run(message: dict[str, t.Any]) -> None:
        result = instance.run(lines(singer, message), unmapped_streams="passthrough")
        if result.code:
            [sentence] = result.errors
            if is_valid_schema(message):  # of a stream that has no table
                assert sentence.startswith("ServiceNow failed while reading "), sentence
            else:
                assert SENTENCE.fullmatch(sentence), sentence
                assert sentence.startswith("Line 5 ")
        else:
            assert result.errors == []
            assert {"1", "2"} <= instance.by_source("proc_vendor").keys()

    run()


def test_json_that_is_not_a_message(instance: Instance, singer: Singer) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(JSON)
    def run(value: t.Any) -> None:
        result = instance.run([singer.schema("APVendors"), f"{json.dumps(value)}\n"])
        [sentence] = result.errors
        assert result.code == 1
        assert SENTENCE.fullmatch(sentence), sentence
        assert sentence.startswith("Line 2 ")

    run()
