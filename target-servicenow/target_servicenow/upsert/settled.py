"""The fate of a row."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from target_servicenow.outcomes import Cause

if t.TYPE_CHECKING:
    from target_servicenow.outcomes import Outcome
    from target_servicenow.upsert.plan import Change, Decision


@dataclass(frozen=True)
class Settled:
    """The fate of a row, for the ledger.

    Attributes:
        status: The HTTP status of the write; 0 when nothing was sent.
        altered: Columns that came back other than they were sent: sent as `new`, stored as `old`.
        unresolved: Why a reference of the row was left as it is; it is tried again.
        denied: Of a refusal that may be one of every row: what the user reads if it is.
    """

    decision: Decision
    outcome: Outcome
    sys_id: str = ""
    status: int = 0
    attempts: int = 0
    cause: Cause = Cause.NONE
    reason: str = ""
    altered: dict[str, Change] = field(default_factory=dict)
    unresolved: str = ""
    denied: str = ""
