"""The fates of a row and their causes: the same words in the ledger, the log and the reports."""

from __future__ import annotations

import enum


class Outcome(enum.StrEnum):
    """The fate of a row, in the order in which reports show them."""

    CREATED = "created"
    ADOPTED = "adopted"  # typed in by hand, found by its natural key, now carries our identifier
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    HELD = "held"  # waits for something else, such as the row it points at; retried automatically
    REJECTED = "rejected"  # at fault itself; retried in the next run, counts against max_rejects
    DROPPED = "dropped"  # waited, and waits no more: gone, not wanted, or dropped by a person
    FORGOTTEN = "forgotten"  # a person says that it was deleted in ServiceNow: it may be made again


_ONLY_IN_HISTORY = frozenset({Outcome.DROPPED, Outcome.FORGOTTEN})
"""Outcomes that say nothing of ServiceNow: they are only in the history."""

COUNTED = tuple(outcome for outcome in Outcome if outcome not in _ONLY_IN_HISTORY)
"""The outcomes that a run counts, and reports show."""

WRITTEN = frozenset({Outcome.CREATED, Outcome.ADOPTED, Outcome.UPDATED})
"""Outcomes that change a row in ServiceNow."""

WAITING = frozenset({Outcome.HELD, Outcome.REJECTED})
"""Outcomes that keep a row in the ledger for another try."""


class Cause(enum.StrEnum):
    """Why a row was held or rejected, or how an outcome came to be known; the reason says more."""

    NONE = ""
    SCHEMA = "schema"  # the record does not match the schema of its stream
    RECORD = "record"  # the record does not fit the mapping: a type, a choice, an empty key
    NO_RULE = "no_rule"  # no rule of the mapping fits the record
    REFERENCE = "reference"  # the row it points at is not in ServiceNow
    LENGTH = "length"  # a text is longer than its column
    DUPLICATE = "duplicate"  # several rows carry its identifier
    ADOPTION = "adoption"  # several rows, or several records, could be each other's
    HIDDEN = "hidden"  # ServiceNow does not show the row that the ledger knows
    REASSIGNED = "reassigned"  # the row that the ledger knows carries another identifier
    REFUSED = "refused"  # ServiceNow refused the row
    TOO_LARGE = "too_large"  # ServiceNow cannot read a request with the row in it
    TOO_MANY_GONE = "too_many_gone"  # so many are gone at once that a person has to confirm it
    VANISHED = "vanished"  # its record vanished before it was final: a person has to look at it
    GONE = "gone"  # its record, or a newer version of it, is no longer there
    NOT_WANTED = "not_wanted"  # the mapping does not want it any more
    CORRECTED = "corrected"  # it came again under another key, or was corrected by hand
    LOST_ANSWER = "lost_answer"  # the answer to the write was lost; the row was found afterwards


FOR_A_PERSON = frozenset({Cause.TOO_MANY_GONE, Cause.VANISHED})
"""Causes that another try cannot end."""
