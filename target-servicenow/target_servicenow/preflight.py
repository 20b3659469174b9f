"""What would fail later, said now: before a stream's first record is written."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from target_servicenow.api import dictionary
from target_servicenow.api.errors import StopRun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_servicenow.api.dictionary import Definitions
    from target_servicenow.api.session import Session
    from target_servicenow.mapping.profile import Table

logger = logging.getLogger(__name__)


def check(session: Session, tables: Sequence[Table]) -> Definitions:
    """Check that the tables are there and keep the source column; return what the dictionary says.

    Raises:
        StopRun: a table or its source column is missing.
    """
    for table in tables:
        parameters = urlencode(
            {"sysparm_limit": "1", "sysparm_fields": f"sys_id,{table.source_column}"},
            quote_via=quote,
        )
        address = f"/api/now/table/{quote(table.name, safe='')}?{parameters}"
        session.call("GET", address, what=f"reading {table.name}")
    definitions = dictionary.read(session, [table.name for table in tables])
    for table in tables:
        columns = definitions.get(table.name)
        if columns is None:
            logger.warning(
                "The integration user may not read ServiceNow's dictionary of %s: lengths and "
                "column names are checked only by what comes back from a write",
                table.name,
            )
            continue
        if table.source_column not in columns:
            raise StopRun(
                f"{table.name} has no column {table.source_column} to keep the source identifier "
                "in: add it there (text, 100 characters), or name another one as source_column in "
                "mapping_overrides"
            )
        absent = sorted(set(table.fields) - columns.keys())
        if absent:
            logger.warning(
                "%s has no column %s: what is mapped there is left out. Add the columns, or take "
                "them out with mapping_overrides",
                table.name,
                ", ".join(absent),
            )
    return definitions
