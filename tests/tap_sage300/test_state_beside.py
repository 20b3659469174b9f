"""What a target keeps in the state, beside the bookmarks, goes on with it."""

from __future__ import annotations

BESIDE = {"target_servicenow": {"run_mark": "5f1c", "n": 7}, "another": "text"}


def test_it_is_in_every_state(read):
    """Kind: a target's mark is lost in the tap, so that the target cannot know its state again."""
    state = {**read().state, **BESIDE}
    later = read(state=state, start_date="2020-01-01", undated_sweep_days=1)
    assert later.messages[0] == {"type": "STATE", "value": state}, "before anything is read"
    for value in later.states:
        assert {name: value[name] for name in BESIDE} == BESIDE


def test_a_state_without_bookmarks_yet(read):
    output = read(state={"bookmarks": {}, **BESIDE})
    assert output.messages[0] == {"type": "STATE", "value": {"bookmarks": {}, **BESIDE}}
    assert len(output.states) > 1
    assert {name: output.state[name] for name in BESIDE} == BESIDE
    assert output.state["bookmarks"] != {}
