"""State: what is written is read back, and nothing in it is a fraction."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_sage300.reading import state
from tap_sage300.reading.state import Learned, Progress, Window

days = st.none() | st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1))
keys = st.none() | st.text(max_size=12) | st.integers(0, 10**9)
windows = st.none() | st.builds(
    Window,
    read=st.sampled_from([state.SWEEP, state.CHANGES, state.NOT_FINAL]),
    since=days,
    until=days,
    last_key=keys,
    high=days,
    skip=st.none() | st.integers(0, 10**6),
    expected=st.none() | st.integers(0, 10**6),
    received=st.integers(0, 10**6),
    end=st.sampled_from([None, state.ASKED, state.DENIED, state.IGNORED]),
    waited=st.integers(0, 9),
    stalled=st.integers(0, 9),
)
progresses = st.builds(
    Progress,
    bookmark=days,
    last_sweep=days,
    not_final=st.frozensets(st.integers(1, 10**6)),
    window=windows,
    start_date=days,
    learned=st.builds(
        Learned,
        by_skip=st.booleans(),
        doubts=st.integers(0, 1),
        date_literal=st.sampled_from([None, "v3", "date"]),
        keys_per_filter=st.none() | st.integers(1, 10),
    ),
    met=st.just(frozenset()),
)


def leaves(value):
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


@given(progresses)
def test_what_is_written_is_read_back(progress):
    written = json.loads(json.dumps(state.dump(progress, "DateLastEdited")))
    assert state.load(written, "DateLastEdited") == progress
    assert all(type(leaf) in {str, int} for leaf in leaves(written))


def test_the_shape_of_a_state():
    window = Window(
        "changes",
        dt.date(2026, 11, 18),
        dt.date(2026, 11, 22),
        "1200",
        expected=350,
        received=100,
        end="asked",
    )
    progress = Progress(
        dt.date(2026, 11, 20),
        dt.date(2026, 11, 1),
        frozenset({58, 7}),
        window,
        start_date=dt.date(2026, 1, 1),
        learned=Learned(by_skip=True, date_literal="v3", keys_per_filter=5),
    )
    assert state.dump(progress, "DateLastMaintained") == {
        "replication_key": "DateLastMaintained",
        "replication_key_value": "2026-11-20T00:00:00Z",
        "resume": {
            "read": "changes",
            "since": "2026-11-18",
            "until": "2026-11-22",
            "last_key": "1200",
            "expected": 350,
            "received": 100,
            "end": "asked",
        },
        "last_sweep": "2026-11-01",
        "start_date": "2026-01-01",
        "not_final": [7, 58],
        "learned": {"paging": "skip", "date_literal": "v3", "keys_per_filter": 5},
    }


def test_no_state_and_another_key_start_afresh():
    assert state.load({}, "DateCreated") == Progress()
    old = {"replication_key": "Other", "replication_key_value": "2026-01-01T00:00:00Z"}
    assert state.load(old, "DateCreated") == Progress()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"replication_key_value": "soon"}, "replication_key_value is 'soon'"),
        ({"replication_key_value": 5}, "replication_key_value is 5"),
        ({"last_sweep": "x"}, "last_sweep is 'x'"),
        ({"not_final": 3}, "not_final is 3"),
        ({"resume": "x"}, "resume is 'x'"),
        ({"resume": {"read": "all"}}, "resume.read is 'all'"),
        ({"resume": {"read": "sweep", "skip": "9"}}, "skip is '9'"),
        ({"resume": {"read": "sweep", "skip": -5}}, "skip is -5"),
        ({"resume": {"read": "sweep", "received": True}}, "received is True"),
        ({"resume": {"read": "sweep", "end": "x"}}, "end is 'x'"),
        ({"learned": {"paging": "x"}}, "paging is 'x'"),
        ({"learned": []}, r"learned is \[\]"),
    ],
)
def test_foreign_values_are_named(given, named):
    with pytest.raises(ValueError, match=named):
        state.load(given, "DateLastEdited")


def test_waited_is_read_without_the_rest():
    assert state.waited({"resume": {"waited": 3}}) == 3
    assert state.waited({"resume": {}}) == 0
    assert state.waited({}) == 0
    assert state.waited({"resume": "x"}) == state.waited({"resume": {"waited": "x"}}) == 0
