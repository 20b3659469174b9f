"""Control of the Sage 300 side: its records, what users do to them, how the server behaves."""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass

from sage300_servicenow_sandbox.control.route import RefusedError, Route
from sage300_servicenow_sandbox.declared import DeclarationError
from sage300_servicenow_sandbox.sage.edits import WrongStatusError

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sage300_servicenow_sandbox.sage.resources import Resource
    from sage300_servicenow_sandbox.sandbox import Sandbox

_NUMBER: t.Final = re.compile("[0-9]{1,18}")


@dataclass(frozen=True)
class _Place:
    """What a path names."""

    company: str
    resource: Resource

    def key(self, text: str) -> tuple[str | int, ...]:
        """Read a key; the parts of a composite one are separated by commas."""
        parts = text.split(",") if len(self.resource.keys) > 1 else [text]
        if len(parts) != len(self.resource.keys):
            raise RefusedError(
                400, f"The key of {self.resource.name} is {','.join(self.resource.keys)}."
            )
        properties = self.resource.record_type.properties
        return tuple(
            int(part) if properties[name].kind != "string" and _NUMBER.fullmatch(part) else part
            for name, part in zip(self.resource.keys, parts, strict=True)
        )


def _place(sandbox: Sandbox, company: str, name: str = "APInvoiceBatches") -> _Place:
    companies, resources = sandbox.sage.companies, sandbox.sage.resources
    if company not in companies:
        raise RefusedError(404, f"There is no company {company}, only {', '.join(companies)}.")
    if name not in resources:
        raise RefusedError(404, f"There is no resource {name}, only {', '.join(resources)}.")
    return _Place(company, resources[name])


def _done(change: Callable[[], str | None], missing: str) -> str:
    try:
        record = change()
    except WrongStatusError as error:
        raise RefusedError(409, str(error)) from None
    except ValueError as error:
        raise RefusedError(400, str(error)) from None
    if record is None:
        raise RefusedError(404, missing)
    return record


def _records(sandbox: Sandbox, company: str, name: str) -> str:
    place = _place(sandbox, company, name)
    records = sandbox.sage.store.select(company, place.resource)
    return '{"records":[' + ",".join(records) + "]}"


def _edit(sandbox: Sandbox, company: str, name: str, key: str, body: dict[str, t.Any]) -> str:
    place = _place(sandbox, company, name)
    return _done(
        lambda: sandbox.sage.edit(company, place.resource, place.key(key), body),
        f"{company} has no {name} with the key {key}.",
    )


def _copy(sandbox: Sandbox, company: str, name: str, key: str, body: dict[str, t.Any]) -> str:
    place = _place(sandbox, company, name)
    return _done(
        lambda: sandbox.sage.copy(company, place.resource, place.key(key), body),
        f"{company} has no {name} with the key {key}.",
    )


def _delete(sandbox: Sandbox, company: str, name: str, key: str) -> str:
    place = _place(sandbox, company, name)
    return _done(
        lambda: sandbox.sage.delete(company, place.resource, place.key(key)),
        f"{company} has no {name} with the key {key}.",
    )


def _post_batch(sandbox: Sandbox, company: str, number: str) -> str:
    _place(sandbox, company)
    return _done(
        lambda: sandbox.sage.post_batch(company, int(number)), f"{company} has no batch {number}."
    )


def _remove_entry(sandbox: Sandbox, company: str, number: str, entry: str) -> str:
    _place(sandbox, company)
    return _done(
        lambda: sandbox.sage.remove_entry(company, int(number), int(entry)),
        f"{company} has no entry {entry} in a batch {number}.",
    )


def _clear_history(sandbox: Sandbox, company: str, number: str) -> str:
    _place(sandbox, company)
    return json.dumps({"cleared": sandbox.sage.clear_history(company, int(number))})


def _behaviours(sandbox: Sandbox) -> str:
    return json.dumps(sandbox.sage.behaviours.as_json())


def _behave(sandbox: Sandbox, body: dict[str, t.Any]) -> str:
    try:
        sandbox.sage.behave(**body)
    except DeclarationError as error:
        raise RefusedError(400, str(error)) from None
    return _behaviours(sandbox)


_RECORD: t.Final = "sage300/{company}/{resource}/{key}"
_BATCH: t.Final = "sage300/{company}/APInvoiceBatches/{number}"
ROUTES: t.Final = (
    Route("GET", "sage300/behaviours", "how the Sage 300 site behaves", _behaviours),
    Route("PATCH", "sage300/behaviours", "{behaviour: value}", _behave, takes_body=True),
    Route("GET", "sage300/{company}/{resource}", "all records, whole, in key order", _records),
    Route(
        "POST",
        f"{_RECORD}/edit",
        "change properties of a record: {property: value}; its change date moves to today",
        _edit,
        takes_body=True,
    ),
    Route(
        "POST",
        f"{_RECORD}/copy",
        "add a record like it: {key property: value}, and others that differ",
        _copy,
        takes_body=True,
    ),
    Route(
        "POST",
        f"{_BATCH}/post",
        "post an Open or ReadyToPost batch; its DateLastEdited stays",
        _post_batch,
    ),
    Route(
        "POST",
        "sage300/{company}/APInvoiceBatches/clear-history/{number}",
        "clear deleted batches and those posted up to that posting sequence",
        _clear_history,
    ),
    Route("DELETE", f"{_BATCH}/entries/{{entry}}", "take it out of an Open batch", _remove_entry),
    Route(
        "DELETE",
        _RECORD,
        "delete a record; an invoice batch stays, with its entries, as Deleted",
        _delete,
    ),
)
