"""The events of one run, as the tap's log of its own reading holds them."""

from __future__ import annotations

import enum
import typing as t
import uuid
from collections import deque

from tap_sage300.api.incidents import utc_now
from tap_sage300.api.keys import parts
from tap_sage300.reading import versions

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from tap_sage300.api.incidents import Incident
    from tap_sage300.reading.reader import Step
    from tap_sage300.reading.state import Progress, Window


class Event(enum.StrEnum):
    """What is logged besides the incidents between the tap and Sage 300."""

    RUN_STARTED = "run_started"
    READ = "read"
    BATCH_VANISHED = "batch_vanished"
    BUDGET_STOP = "budget_stop"
    RUN_ENDED = "run_ended"


class EventLog:
    """Collects the events of a run until they are written.

    Attributes:
        incidents: What happened between the tap and Sage 300; any thread may add to it.
    """

    def __init__(self) -> None:
        """Begin a run."""
        self.incidents: deque[Incident] = deque()
        self._run = uuid.uuid4().hex
        self._noted: list[tuple[dt.datetime, dict[str, t.Any]]] = []
        self._number = 0

    def note(
        self, event: Event, company: str = "", stream: str | None = None, **facts: t.Any
    ) -> None:
        """Note an event, now.

        Args:
            event: What happened.
            company: Where; empty when it concerns the whole run.
            stream: What was read, if it concerns one stream.
            facts: Further properties of the record.
        """
        self._noted.append((utc_now(), _record(event, company, stream, facts)))

    def note_read(
        self,
        company: str,
        stream: str,
        window: Window | None,
        *,
        is_whole: bool | None,
        records: int = 0,
        version: int | None = None,
        message: str | None = None,
    ) -> None:
        """Note how a read of a stream in a company ended.

        Args:
            company: The company.
            stream: The stream.
            window: What was read; None when nothing was.
            is_whole: Whether all of it was read; None when nothing was due.
            records: Records emitted in this run.
            version: Their Singer version.
            message: Why it was not read whole.
        """
        self.note(
            Event.READ,
            company,
            stream,
            Window=None if window is None else window.read,
            Since=None if window is None or window.since is None else str(window.since),
            SageDate=None if window is None or window.until is None else str(window.until),
            IsWhole=is_whole,
            Records=records,
            Version=version,
            Message=message,
        )

    def forget(self) -> None:
        """Drop what happened."""
        self.incidents.clear()
        self._noted.clear()

    def take(self) -> Iterator[dict[str, t.Any]]:
        """Yield the records of what happened since this was last called, in order of time."""
        happened = self._noted
        self._noted = []
        while self.incidents:
            incident = self.incidents.popleft()
            resource, wait = incident.resource, incident.wait_seconds
            facts = {
                "WaitSeconds": None if wait is None else round(wait),
                "Key": incident.record,
                "Message": incident.message,
            }
            record = _record(incident.kind, resource.company, resource.name, facts)
            happened.append((incident.at, record))
        for at, record in sorted(happened, key=lambda one: one[0]):
            self._number += 1
            head = {"CompanyID": record["CompanyID"], "RunID": self._run}
            yield {
                **head,
                "EventNumber": self._number,
                "OccurredAt": at.isoformat(),
                **{name: value for name, value in record.items() if value is not None},
            }


def _record(
    event: enum.StrEnum, company: str, stream: str | None, facts: dict[str, t.Any]
) -> dict[str, t.Any]:
    return {"CompanyID": company, "Event": event.value, "Stream": stream, **facts}


class ReadNotes:
    """Notes how the read of one stream in one company goes, window by window."""

    def __init__(self, log: EventLog, company: str, stream: str) -> None:
        """Begin a read."""
        self._log = log
        self._company = company
        self._stream = stream
        self._records = 0
        self._is_noted = False

    def take(self, step: Step) -> None:
        """Take in a page whose records were emitted."""
        self._records += len(step.rows)
        for key in sorted(step.vanished):
            self._log.note(
                Event.BATCH_VANISHED,
                self._company,
                self._stream,
                Key=" ".join(map(str, parts(key))),
                Message="it could still change when last read, and is no longer in Sage 300",
            )
        if step.progress.completed is not None:
            self._note(step.progress, step.progress.completed)

    def end(self, progress: Progress, reason: str = "") -> None:
        """Note how the read ended.

        Args:
            progress: Where it stands.
            reason: Why its window could not be completed.
        """
        if progress.window is not None:
            self._note(progress, progress.window, reason)
        elif not self._is_noted:
            self._log.note_read(
                self._company,
                self._stream,
                None,
                is_whole=False if reason else None,
                message=reason or "nothing was due",
            )

    def _note(self, progress: Progress, window: Window, reason: str = "") -> None:
        is_complete = progress.completed is window
        if is_complete and not versions.is_whole(window):
            reason = "records were left out"
        self._log.note_read(
            self._company,
            self._stream,
            window,
            is_whole=not reason,
            records=self._records,
            version=progress.version,
            message=reason or None,
        )
        self._records, self._is_noted = 0, True
