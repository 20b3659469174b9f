"""State: what is written is read back, and nothing in it is a fraction."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_sage300.reading import state
from tap_sage300.reading.state import Progress, Window

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
    waited=st.integers(0, 9),
)
progresses = st.builds(
    Progress,
    bookmark=days,
    last_sweep=days,
    not_final=st.frozensets(st.integers(1, 10**6)),
    window=windows,
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
    window = Window("changes", dt.date(2026, 11, 18), dt.date(2026, 11, 22), "1200", skip=None)
    progress = Progress(dt.date(2026, 11, 20), dt.date(2026, 11, 1), frozenset({58, 7}), window)
    assert state.dump(progress, "DateLastMaintained") == {
        "replication_key": "DateLastMaintained",
        "replication_key_value": "2026-11-20T00:00:00Z",
        "resume": {
            "read": "changes",
            "since": "2026-11-18",
            "until": "2026-11-22",
            "last_key": "1200",
        },
        "last_sweep": "2026-11-01",
        "not_final": [7, 58],
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
