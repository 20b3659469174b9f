"""The mark that emitted state carries: the run of the ledger it came from.

Rows that wait live in the ledger, and how far Sage 300 was read lives in the state. With another
ledger, a new one or an older copy, that state would pass over rows that nothing remembers.
"""

from __future__ import annotations

import typing as t

from target_servicenow.errors import TargetError

if t.TYPE_CHECKING:
    from pathlib import Path

KEY: t.Final = "target_servicenow"
"""The state's property with the mark, beside the tap's own, which has to hand it through."""

_RUN: t.Final = "run_mark"


class StateError(TargetError):
    """The state that the tap was given does not belong to the ledger."""


def of(state: object) -> object:
    """Return the mark that a state carries, None when there is none."""
    carried = state.get(KEY) if isinstance(state, dict) else None
    return carried.get(_RUN) if isinstance(carried, dict) else carried


def marked(state: t.Any, mark: str) -> t.Any:
    """Return a state with a mark; one that is no object cannot carry it."""
    return {**state, KEY: {_RUN: mark}} if isinstance(state, dict) else state


def foreign(path: Path) -> StateError:
    """Return the error about a state whose run the ledger does not hold."""
    return StateError(
        f"The state comes from a run that the ledger {path} (ledger_path) does not hold, so it "
        "belongs to another ledger, or to a newer copy of this one, with rows that wait: give that "
        "ledger, or run without state (meltano run --full-refresh), which reads everything again "
        "and writes only what differs"
    )
