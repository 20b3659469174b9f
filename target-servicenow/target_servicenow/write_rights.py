"""Whether the account may create and update rows, which cannot be seen without writing.

``--test-write`` updates one row that is there already, and creates none. The row gets the source
identifier that it has: every table has that column, it is text, which comes back as it was sent,
where an amount would be converted anew, and every row that is written needs it. ServiceNow stores
an update only where a value changes, so the row keeps its sys_mod_count and sys_updated_on.
"""

from __future__ import annotations

import typing as t

from target_servicenow.api import batch
from target_servicenow.api.errors import Action
from target_servicenow.api.table import read_item, read_row, update_item
from target_servicenow.findings import Finding, Level
from target_servicenow.mapping.profile import MODIFICATIONS

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from target_servicenow.api.session import Session
    from target_servicenow.api.table import StoredRow
    from target_servicenow.mapping.profile import Table

UPDATE = "update"
_STAMPS = (MODIFICATIONS, "sys_updated_on", "sys_updated_by")


def unseen(table: Table) -> Iterator[Finding]:
    """Yield a line for each right that reading does not show."""
    yield Finding(
        table.name,
        Level.UNTESTED,
        f"{table.name}: the right to create rows cannot be seen without creating one; the first "
        "run shows it",
    )
    yield Finding(
        table.name,
        Level.UNTESTED,
        f"{table.name}: the right to update rows cannot be seen without writing; --test-write sets "
        "one to what it already is",
        right=UPDATE,
    )


def try_update(session: Session, table: Table, sys_id: str) -> Finding:
    """Set a row to what it already is, and return what that says of the right to update.

    Args:
        session: The session to write with.
        table: The table.
        sys_id: The row; "" where the table shows none.

    Raises:
        StopRunError: The instance cannot be reached, or does not accept the credentials.
    """
    if not sys_id:
        return _untested(table, "it shows no row that could be set to what it already is")
    fields = (table.source_column, *_STAMPS)
    look = read_item("before", table.name, sys_id, fields)
    shown = batch.call(session, [look], what=f"reading {table.name}", repeatable=True)
    before = _row(shown.items.get(look.id), sys_id)
    if before is None or table.source_column not in before.values:
        return _untested(table, f"the row {sys_id} was not shown again; run again")
    values = {table.source_column: before.values[table.source_column]}
    item = update_item("again", table.name, sys_id, values, fields)
    # Sent twice, it is still the value that the row has.
    reply = batch.call(session, [item], what=f"updating {table.name}", repeatable=True)
    return _judge(table, before, reply.items.get(item.id))


def _judge(table: Table, before: StoredRow, answer: batch.ItemReply | None) -> Finding:
    action = answer.verdict.action if answer else None
    if answer is None or action not in {Action.OK, Action.DENIED, Action.ROW}:
        why = answer.verdict.sentence if answer else "ServiceNow did not answer"
        return _untested(table, f"{why or 'ServiceNow did not answer'}; run again")
    if action is Action.DENIED:
        return Finding(
            table.name,
            Level.ERROR,
            f"ServiceNow does not let the integration user update {table.name} "
            f"({answer.verdict.text}): give it an access rule of the operation write for the table",
            right=UPDATE,
        )
    if action is Action.ROW:
        return Finding(
            table.name,
            Level.WARNING,
            f"{table.name} can be updated, but a rule of the instance refuses the row "
            f"{before.sys_id} even as it is ({answer.verdict.text}): correct the row or the rule, "
            "or changes in Sage 300 are rejected",
            right=UPDATE,
        )
    after = _row(answer, before.sys_id)
    changed = [
        f"{name} {before.values[name]} to {after.values[name]}"
        for name in (table.source_column, *_STAMPS)
        if after and name in before.values.keys() & after.values
        if before.values[name] != after.values[name]
    ]
    if changed:
        return Finding(
            table.name,
            Level.WARNING,
            f"{table.name} can be updated, but the row {before.sys_id} was set to what it already "
            f"was and still changed ({', '.join(changed)}): a business rule of the instance, or "
            "another user, changed it",
            right=UPDATE,
        )
    return Finding(
        table.name,
        Level.OK,
        f"{table.name} can be updated: the row {before.sys_id} was set to what it already is, and "
        "did not change",
        right=UPDATE,
    )


def _row(answer: batch.ItemReply | None, sys_id: str) -> StoredRow | None:
    """Return the row of an answer; None if it is not there."""
    if answer is None or not isinstance(answer.result, dict):
        return None
    row = read_row(answer.result)
    return row if row.sys_id == sys_id else None


def _untested(table: Table, why: str) -> Finding:
    return Finding(
        table.name,
        Level.UNTESTED,
        f"{table.name}: the right to update rows was not tried: {why}",
        right=UPDATE,
    )
