"""Control of the Sage 300 side: its records, what users do to them, how the site behaves."""

from __future__ import annotations

import json
import re
import typing as t

from sage300_servicenow_sandbox.control.endpoint import Call, CallRefusedError, Endpoint
from sage300_servicenow_sandbox.declared import as_json
from sage300_servicenow_sandbox.sage.edits import WrongStatusError

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sage300_servicenow_sandbox.sage.resources import Resource

_BATCHES: t.Final = "APInvoiceBatches"
_NUMBER: t.Final = re.compile("[0-9]{1,18}")


def _records(call: Call, company: str, resource: str) -> str:
    """Return the records of a resource, whole, in key order.

    ?contains=text returns those with the text in them, ?limit=100 the first 100.
    """
    found = _resource(call, company, resource)
    records = call.selected(call.systems.sage.store.select(company, found), str)
    return '{"records":[' + ",".join(records) + "]}"


def _edit(call: Call, company: str, resource: str, key: str) -> str:
    """Change properties of a record as a user would: {property: value}.

    The change date moves to today unless the values name it.
    """
    found, values = _resource(call, company, resource), call.body
    return _done(
        lambda: call.systems.sage.edit(company, found, _key(found, key), values),
        f"{company} has no {resource} with the key {key}",
    )


def _copy(call: Call, company: str, resource: str, key: str) -> str:
    """Add a record like this one: {key property: value}, and whatever else differs."""
    found, values = _resource(call, company, resource), call.body
    return _done(
        lambda: call.systems.sage.copy(company, found, _key(found, key), values),
        f"{company} has no {resource} with the key {key}",
    )


def _delete(call: Call, company: str, resource: str, key: str) -> str:
    """Delete a record without a trace; an invoice batch stays, with its entries, as Deleted."""
    found = _resource(call, company, resource)
    return _done(
        lambda: call.systems.sage.delete(company, found, _key(found, key)),
        f"{company} has no {resource} with the key {key}",
    )


def _post_batch(call: Call, company: str, number: int) -> str:
    """Post an invoice batch that is Open or ReadyToPost; its DateLastEdited stays."""
    _resource(call, company, _BATCHES)
    return _done(
        lambda: call.systems.sage.post_batch(company, number), f"{company} has no batch {number}"
    )


def _remove_entry(call: Call, company: str, number: int, entry: int) -> str:
    """Delete an entry of an Open invoice batch."""
    _resource(call, company, _BATCHES)
    return _done(
        lambda: call.systems.sage.remove_entry(company, number, entry),
        f"{company} has no entry {entry} in a batch {number}",
    )


def _clear_history(call: Call, company: str, number: int) -> str:
    """Clear deleted batches, and those posted up to that posting sequence."""
    _resource(call, company, _BATCHES)
    return json.dumps({"cleared": call.systems.sage.clear_history(company, number)})


def _behaviours(call: Call) -> str:
    """Return how the Sage 300 site behaves."""
    return json.dumps(as_json(call.systems.sage.behaviours))


def _behave(call: Call) -> str:
    """Change how the Sage 300 site behaves: {behaviour: value}."""
    call.systems.sage.behave(**call.body)
    return _behaviours(call)


def _resource(call: Call, company: str, name: str) -> Resource:
    companies, resources = call.systems.sage.companies, call.systems.sage.resources
    if company not in companies:
        raise CallRefusedError(404, f"There is no company {company}, only {', '.join(companies)}")
    if name not in resources:
        raise CallRefusedError(404, f"There is no resource {name}, only {', '.join(resources)}")
    return resources[name]


def _key(resource: Resource, text: str) -> tuple[str | int, ...]:
    """Read a key; the parts of a composite key are separated by commas."""
    parts = text.split(",") if len(resource.keys) > 1 else [text]
    if len(parts) != len(resource.keys):
        raise CallRefusedError(400, f"The key of {resource.name} is {','.join(resource.keys)}")
    properties = resource.record_type.properties
    return tuple(
        int(part) if properties[name].kind != "string" and _NUMBER.fullmatch(part) else part
        for name, part in zip(resource.keys, parts, strict=True)
    )


def _done(change: Callable[[], str | None], missing: str) -> str:
    """Return the changed record, or refuse with the sentence that says why not."""
    try:
        record = change()
    except WrongStatusError as error:
        raise CallRefusedError(409, str(error)) from None
    except ValueError as error:
        raise CallRefusedError(400, str(error)) from None
    if record is None:
        raise CallRefusedError(404, missing)
    return record


_WHOLE: t.Final = f"int(max={10**18 - 1})"
_RECORD: t.Final = "sage300/<company>/<resource>/<path:key>"  # a key may hold a slash
_BATCH: t.Final = f"sage300/<company>/{_BATCHES}/<{_WHOLE}:number>"
ENDPOINTS: t.Final = (
    Endpoint("GET", "sage300/behaviours", _behaviours),
    Endpoint("PATCH", "sage300/behaviours", _behave),
    Endpoint("GET", "sage300/<company>/<resource>", _records),
    Endpoint("POST", f"{_RECORD}/edit", _edit),
    Endpoint("POST", f"{_RECORD}/copy", _copy),
    Endpoint("DELETE", _RECORD, _delete),
    Endpoint("POST", f"{_BATCH}/post", _post_batch),
    Endpoint("DELETE", f"{_BATCH}/entries/<{_WHOLE}:entry>", _remove_entry),
    Endpoint(
        "POST",
        f"sage300/<company>/{_BATCHES}/clear-history/<{_WHOLE}:number>",
        _clear_history,
    ),
)
