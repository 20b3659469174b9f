"""What each cause means for the person who reads the report, and what to do about it. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from target_servicenow.outcomes import Cause


@dataclass(frozen=True)
class Remedy:
    """What a cause means.

    Attributes:
        title: What is wrong with the rows, as a heading.
        action: What to do.
        needs_person: False where the next runs are likely to end it.
    """

    title: str
    action: str
    needs_person: bool = True


_REMEDIES: t.Final = {
    Cause.REFUSED: Remedy(
        "ServiceNow refused them",
        "Read ServiceNow's answer below. It is a rule, a required column or a right of the "
        "integration user: correct it in ServiceNow, or the value in Sage 300. The next run "
        "tries again.",
    ),
    Cause.DUPLICATE: Remedy(
        "In ServiceNow more than once",
        "Delete all but one of the rows named below in ServiceNow, or clear their source "
        "identifier. The next run goes on with the one that is left.",
    ),
    Cause.ADOPTION: Remedy(
        "More than one existing row could be this record",
        "Decide which row in ServiceNow is the right one, and enter the source identifier named "
        "below there.",
    ),
    Cause.HIDDEN: Remedy(
        "ServiceNow does not show rows that were there",
        "Let the integration user read them again. If they were deleted and should come back, run "
        "the command named below.",
    ),
    Cause.REASSIGNED: Remedy(
        "Their row belongs to another record now",
        "Give the row in ServiceNow its source identifier back, or run the command named below.",
    ),
    Cause.TOO_MANY_GONE: Remedy(
        "Gone from Sage 300, but too many at once",
        "Check in Sage 300 that they are really gone. If so, raise max_inactive_percent for one "
        "run, which then sets them inactive. If not, do nothing: they leave this list when they "
        "are read again.",
    ),
    Cause.VANISHED: Remedy(
        "Vanished from Sage 300 before they were final",
        "Find out in Sage 300 whether they were posted and cleared from history, or deleted. "
        "Correct the row in ServiceNow, then take it off this list (ledger rejects --drop).",
    ),
    Cause.RECORD: Remedy(
        "A value does not fit",
        "Correct the value named below in Sage 300, or how it is mapped. The next run tries again.",
    ),
    Cause.SCHEMA: Remedy(
        "The record does not have the form that was announced",
        "Correct the value named below in Sage 300; if it is right there, update tap and target "
        "together.",
    ),
    Cause.LENGTH: Remedy(
        "A text is too long for its column",
        "Shorten it in Sage 300, make the column longer in ServiceNow, or let long texts be cut "
        "with on_long_text.",
    ),
    Cause.NO_RULE: Remedy(
        "No rule of the mapping covers them",
        "Add a rule for them to the mapping.",
    ),
    Cause.TOO_LARGE: Remedy(
        "Too large for ServiceNow",
        "Shorten the longest texts of the record in Sage 300.",
    ),
    Cause.REFERENCE: Remedy(
        "They wait for another record",
        "Usually nothing: every run tries again, and the record that they point at may still "
        "come. If they keep waiting, check that it is in Sage 300 and was not refused itself.",
        needs_person=False,
    ),
}

_OTHER: t.Final = Remedy(
    "They wait for another reason", "Read the reason below. The next run tries again."
)

_MEANINGS: t.Final = {
    Cause.LOST_ANSWER: "The answer was lost; the row was found written",
    Cause.GONE: "Waits no more: no longer in Sage 300",
    Cause.NOT_WANTED: "Waits no more: the mapping does not want it",
    Cause.CORRECTED: "Waits no more: came under another key, or was corrected",
}


def remedy(cause: str) -> Remedy:
    """Return what a cause of waiting means."""
    return _REMEDIES.get(t.cast("Cause", cause), _OTHER)


def meaning(cause: str) -> str:
    """Return any cause as words, for a list of reasons."""
    return _MEANINGS.get(t.cast("Cause", cause)) or remedy(cause).title
