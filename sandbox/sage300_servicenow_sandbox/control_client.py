"""A client of the control endpoints, for tests, demos and benchmarks; standard library only.

```python
control = ControlClient("http://127.0.0.1:8300")
control.edit("SAMINC", "APVendors", "1010", City="Leeds")
control.advance_clock(86_400)
```
"""

from __future__ import annotations

import json
import re
import typing as t
import urllib.error
import urllib.request
from decimal import Decimal
from urllib.parse import quote, urlsplit

if t.TYPE_CHECKING:
    from collections.abc import Mapping

Record = dict[str, t.Any]

_BATCHES = "APInvoiceBatches"
_TIMEOUT_SECONDS = 600  # resetting or reading a large company takes minutes
_MARK = "\0"
_MARKED_NUMBER = re.compile(r'"\\u0000([^"]+)\\u0000"')


class ControlError(Exception):
    """A control endpoint refused a call; the text is the sentence it answered with.

    Attributes:
        status: The HTTP status of the answer.
    """

    def __init__(self, status: int, sentence: str) -> None:
        """Keep the HTTP status and the sentence."""
        super().__init__(sentence)
        self.status = status


class ControlClient:
    """The control endpoints of one running sandbox.

    Numbers with a fraction are Decimal, in answers and in what is sent. Every method raises
    ControlError where the sandbox refuses. Keys are given as the endpoints take them: the parts of
    a composite key joined by commas (`PY,12`).
    """

    def __init__(self, url: str) -> None:
        """Talk to the sandbox at any address of either side, with or without a path."""
        address = urlsplit(url)
        self._root = f"{address.scheme}://{address.netloc}/_sandbox/"
        # A loopback address is never reached through a proxy, whatever the environment says.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, method: str, path: str, body: t.Any = None) -> t.Any:
        """Call an endpoint and return its JSON answer.

        Args:
            method: The HTTP method.
            path: The path below /_sandbox/, percent-encoded where need be.
            body: The JSON value to send; None sends no body.

        Raises:
            ControlError: The endpoint refuses the call.
        """
        request = urllib.request.Request(  # noqa: S310 -- the caller's own sandbox
            self._root + path,
            data=None if body is None else _encode(body),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                return json.loads(answer.read(), parse_float=Decimal)
        except urllib.error.HTTPError as error:
            with error:
                raise ControlError(error.code, _sentence(error.read())) from None

    def counters(self) -> dict[str, dict[str, t.Any]]:
        """Return the calls of each side (`sage300`, `servicenow`) since the last reset."""
        counters: dict[str, dict[str, t.Any]] = self.call("GET", "counters")
        return counters

    def reset_counters(self) -> None:
        """Set every count to zero."""
        self.call("POST", "counters/reset")

    def reset(self) -> None:
        """Put data, behaviours, faults, counts and log back to how they were at the start."""
        self.call("POST", "reset")

    def set_clock(self, now: str | None) -> str:
        """Stop the sandbox's clock at an instant, or let it run with None; return its time.

        Args:
            now: The instant, as `2026-11-20T10:00:00Z`.
        """
        return self._move_clock({"now": now})

    def advance_clock(self, seconds: float) -> str:
        """Move the sandbox's clock, backwards if negative, and return its time."""
        return self._move_clock({"advance_seconds": seconds})

    def records(self, company: str, resource: str) -> list[Record]:
        """Return all records of a Sage 300 resource, whole, in key order."""
        records: list[Record] = self.call("GET", f"sage300/{company}/{resource}")["records"]
        return records

    def edit(self, company: str, resource: str, key: str | int, /, **values: t.Any) -> Record:
        """Change properties of a record as a user would, and return it.

        The change date moves to today unless the values name it.
        """
        record: Record = self.call("POST", f"{_place(company, resource, key)}/edit", values)
        return record

    def copy(self, company: str, resource: str, key: str | int, /, **values: t.Any) -> Record:
        """Add a record like another one, and return it.

        The values name the key properties of the new record, and whatever else differs.
        """
        record: Record = self.call("POST", f"{_place(company, resource, key)}/copy", values)
        return record

    def delete(self, company: str, resource: str, key: str | int) -> Record:
        """Delete a record as a user would, and return what it was; a batch stays, as Deleted."""
        record: Record = self.call("DELETE", _place(company, resource, key))
        return record

    def post_batch(self, company: str, number: int) -> Record:
        """Post an invoice batch that is open or ready to post, and return it."""
        batch: Record = self.call("POST", f"{_place(company, _BATCHES, number)}/post")
        return batch

    def remove_entry(self, company: str, number: int, entry: int) -> Record:
        """Delete an entry of an open invoice batch, and return the batch."""
        path = f"{_place(company, _BATCHES, number)}/entries/{entry}"
        batch: Record = self.call("DELETE", path)
        return batch

    def clear_history(self, company: str, number: int) -> int:
        """Clear deleted batches and those posted up to a posting sequence; return how many."""
        path = f"sage300/{company}/{_BATCHES}/clear-history/{number}"
        return int(self.call("POST", path)["cleared"])

    def sage_behaviours(self, **changes: t.Any) -> dict[str, t.Any]:
        """Change how the Sage 300 site behaves; return every behaviour with its value."""
        behaviours: dict[str, t.Any] = self.call("PATCH", "sage300/behaviours", changes)
        return behaviours

    def rows(self, table: str) -> list[dict[str, str]]:
        """Return all rows of a ServiceNow table, every column, as stored."""
        rows: list[dict[str, str]] = self.call("GET", f"servicenow/{table}")["rows"]
        return rows

    def insert_row(self, table: str, /, **values: t.Any) -> dict[str, str]:
        """Insert a ServiceNow row as if typed in by hand, and return it as stored."""
        row: dict[str, str] = self.call("POST", f"servicenow/{table}", values)
        return row

    def servicenow_behaviours(self, **changes: t.Any) -> dict[str, t.Any]:
        """Change how the ServiceNow instance behaves; return every behaviour with its value."""
        behaviours: dict[str, t.Any] = self.call("PATCH", "servicenow/behaviours", changes)
        return behaviours

    def follow_faults(self, plan: Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Follow a fault plan from its beginning; return it with what each rule met so far."""
        report: dict[str, t.Any] = self.call("POST", "faults", plan)
        return report

    def clear_faults(self) -> None:
        """Follow no fault plan any more."""
        self.call("DELETE", "faults")

    def log(self) -> list[dict[str, t.Any]]:
        """Return the latest requests of both sides, the earliest first."""
        requests: list[dict[str, t.Any]] = self.call("GET", "log")["requests"]
        return requests

    def _move_clock(self, body: dict[str, t.Any]) -> str:
        now: str = self.call("POST", "clock", body)["now"]
        return now


def _place(company: str, resource: str, key: str | int) -> str:
    return f"sage300/{company}/{resource}/{quote(str(key), safe=',')}"


def _encode(body: t.Any) -> bytes:
    """Write a JSON value; a Decimal is written with all its digits, as a number."""
    return _MARKED_NUMBER.sub(r"\1", json.dumps(body, default=_marked)).encode()


def _marked(value: object) -> str:
    if isinstance(value, Decimal) and value.is_finite():
        return f"{_MARK}{value}{_MARK}"
    raise TypeError(f"{value!r} is not a JSON value")


def _sentence(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["error"])
    except (ValueError, LookupError, TypeError):
        return answer.decode(errors="replace")[:200]
