"""Sage300ReadLog: the tap's stream about its own reading. It costs no call to Sage 300."""

from __future__ import annotations

import json
import typing as t
from importlib.resources import files

from typing_extensions import override

from tap_sage300.events import Event
from tap_sage300.reading.records import COMPANY
from tap_sage300.sdk import SingerStream

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context, Record

    from tap_sage300.errors import TapError
    from tap_sage300.run import Run


class Sage300ReadLog(SingerStream):
    """Retries, timeouts and rests, what was left out, what was read whole, and how the run ended.

    An event is written before the state that no longer shows it, so that a kill loses none of those
    that cannot happen again.
    """

    name = "Sage300ReadLog"
    keys = (COMPANY, "RunID", "EventNumber")
    selected_by_default = False

    def __init__(self, tap: Tap, run: Run) -> None:
        """Make the stream; nothing is written yet."""
        file = files("tap_sage300") / "schemas" / f"{self.name}.json"
        schema = json.loads(file.read_text(encoding="utf-8"))
        super().__init__(tap, name=self.name, schema=schema)
        self.primary_keys = self.keys
        self._events = run.events
        self._run = run

    def begin(self) -> None:
        """Say that the run has started; from now on events are written."""
        if not self.selected:
            return
        self.write_schema()
        self._run.write_events = self._write
        self._events.note(Event.RUN_STARTED)
        self._write()

    def end(self, failures: Sequence[TapError]) -> None:
        """Say how the run ended: the last record of all."""
        status = "budget_spent" if self._run.budget_logged else "finished"
        self._events.note(
            Event.RUN_ENDED,
            Status="failed" if failures else status,
            Message="; ".join(map(str, failures)) or None,
        )
        self._run.write_events()

    def _write(self) -> None:
        for record in self._events.take():
            self.write_record(record)

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Return none: the records are written as things happen."""
        return ()

    @override  # type: ignore[misc]  # the SDK declares it final
    def sync(self, context: Context | None = None) -> None:
        """Do nothing, for the same reason."""

    @override
    def finalize_state_progress_markers(self, state: dict[str, t.Any] | None = None) -> None:
        """Do nothing: it has no state."""

    @override
    def log_sync_costs(self) -> None:
        """Log nothing: there are no costs."""
