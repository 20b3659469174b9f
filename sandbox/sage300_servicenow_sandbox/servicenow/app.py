"""The ServiceNow instance as a WSGI application."""

from __future__ import annotations

import re
import sqlite3
import threading
import typing as t
from dataclasses import replace
from itertools import count
from urllib.parse import quote

from werkzeug.wrappers import Request, Response

from sage300_servicenow_sandbox.counters import OAUTH_PATH
from sage300_servicenow_sandbox.declared import DeclarationError, as_json, changed
from sage300_servicenow_sandbox.servicenow import (
    dictionary,
    errors,
    identifiers,
    pages,
    schema,
    store,
)
from sage300_servicenow_sandbox.servicenow.api import ApiResponse, error_response, make_request
from sage300_servicenow_sandbox.servicenow.apis import Apis
from sage300_servicenow_sandbox.servicenow.batch_api import BatchApi
from sage300_servicenow_sandbox.servicenow.behaviours import Behaviours
from sage300_servicenow_sandbox.servicenow.errors import ApiError
from sage300_servicenow_sandbox.servicenow.oauth import OAuth
from sage300_servicenow_sandbox.servicenow.rates import Rates
from sage300_servicenow_sandbox.servicenow.records import ADMIN
from sage300_servicenow_sandbox.servicenow.slots import Sessions, Slots
from sage300_servicenow_sandbox.servicenow.store import Store

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from sage300_servicenow_sandbox.clock import Clock
    from sage300_servicenow_sandbox.counters import Counters
    from sage300_servicenow_sandbox.servicenow.api import ApiRequest
    from sage300_servicenow_sandbox.servicenow.schema import Schema

_USER = "integration"
_PASSWORD = "sandbox"  # noqa: S105 (the sandbox's, on purpose in the open)
_MAX_BODY = 10 * 1024 * 1024  # glide.rest.max_content_length
_MAX_URL = 8192  # measured, whole: 8182 bytes passed, 8347 did not
_SESSION = "JSESSIONID"
_BATCH = re.compile(r"/api/now/(?:v[12]/)?batch/?")
_RESOURCE = re.compile(r"/api/now/(?:v[12]/)?([a-z]+)")


class ServiceNowApp:
    """One instance: token endpoint, Table, Aggregate and Batch API over one SQLite file.

    It accepts the OAuth client `sandbox-client` with the secret `sandbox-secret`, whose
    application user is `integration`, and Basic auth as that user with the password `sandbox`.
    """

    def __init__(
        self,
        *,
        path: Path,
        clock: Clock,
        counters: Counters,
        random_seed: int,
        stopping: threading.Event,
    ) -> None:
        """Open the instance kept in the SQLite file at `path`, or create it there.

        Args:
            path: The SQLite file.
            clock: The instance's time.
            counters: Counts the items of batches.
            random_seed: What sys_ids, sessions and tokens are made from.
            stopping: Set, it ends every wait.
        """
        self._clock = clock
        self._random_seed = random_seed
        self._schema = schema.load()
        self._rows = Store(path, self._schema, random_seed)
        self._oauth = OAuth(clock, random_seed)
        self._rates = Rates(clock)
        self._slots = Slots()
        self._sessions = Sessions()
        self._session_numbers = count(1)
        self._stopping = stopping
        self._batches = BatchApi(self._serve_item, counters, self._stopping.wait)
        # One row at a time: Python runs one thread at a time in any case, and switching threads
        # in the middle of a row, at each SQL statement, costs more than waiting.
        self._turn = threading.Lock()
        self._become(self._schema, Behaviours())

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one HTTP request."""
        try:
            answer = self._answer(Request(environ))
        except ApiError as error:
            answer = error_response(error)
        response = Response(answer.body, status=answer.status)
        del response.headers["Content-Type"]
        response.headers.extend(answer.headers)
        return response(environ, start_response)

    @property
    def behaviours(self) -> dict[str, t.Any]:
        """Every switch and what it is set to, as JSON values."""
        return as_json(self._behaviours)

    def behave(self, /, **changes: t.Any) -> None:
        """Set some switches, given as JSON values; each is replaced whole, from the next request.

        Raises:
            DeclarationError: A switch does not exist, does not take such a value, names what the
                instance does not have, or asks for a unique index where there are duplicates.
        """
        with self._turn:
            self._become(self._schema, changed(self._behaviours, changes, "behaviours"))

    def expire_tokens(self) -> None:
        """Expire every token now; requests in progress go on."""
        self._oauth.expire()

    @property
    def labels(self) -> dict[str, str]:
        """The tables, each with its label."""
        return {name: table.label for name, table in self._schema.tables.items()}

    def rows(self, table: str) -> list[dict[str, str]]:
        """Return all rows of a table, every column, as stored.

        Raises:
            KeyError: There is no such table.
        """
        with self._turn:
            return store.every(self._rows.connection, self._schema.tables[table])

    def insert(self, table: str, values: Mapping[str, object]) -> dict[str, str]:
        """Insert a row as if typed in by hand, and return it as stored.

        Raises:
            KeyError: There is no such table or column.
            ApiError: A rule refuses the row, a mandatory column is empty, or the sys_id or the
                values of a unique index are taken.
        """
        definition = self._apis.schema.tables[table]
        unknown = values.keys() - definition.columns.keys()
        if unknown:
            raise KeyError(f"The table {table} has no column {', '.join(sorted(unknown))}")
        with self._turn:
            row = self._apis.records.insert(definition, values, user=ADMIN)
            self._apis.records.run_async_rules()
        return row

    def define_table(self, name: str, columns: Mapping[str, str]) -> None:
        """Add a table, as an administrator would; a reset empties it but keeps it.

        Args:
            name: The table's name.
            columns: Internal types, such as string or glide_date_time, by column name.

        Raises:
            ValueError: There is a table of that name.
        """
        with self._turn:
            defined = self._schema.define(name, columns)
            with self._rows.transaction() as connection:
                store.create(connection, defined.tables[name])
            self._become(defined, self._behaviours)

    def reset(self) -> None:
        """Go back to the start: empty tables, no token, the behaviours of a stock instance."""
        with self._turn:
            with self._rows.transaction() as connection:
                for table in self._schema.tables.values():
                    store.clear(connection, table)
                store.restart_count(connection)
            self._become(self._schema, Behaviours())
        self._session_numbers = count(1)
        self._oauth.reset()
        self._rates.reset()
        self._batches.reset()

    def close(self) -> None:
        """Close the SQLite file; no request may be in progress."""
        self._rows.close()

    def _answer(self, http: Request) -> ApiResponse:
        behaviours = self._behaviours
        page = pages.instead(behaviours)
        if page:
            return page
        if len(http.environ.get("REQUEST_URI", "")) > _MAX_URL:
            return pages.TOO_LONG
        body = http.get_data()
        if len(body) > _MAX_BODY:
            raise ApiError(errors.TOO_LARGE, size=len(body), limit=_MAX_BODY)
        if http.path == OAUTH_PATH:
            return self._oauth.handle(http.mimetype, body, behaviours)
        request = make_request(
            method=http.method,
            url=f"{quote(http.path)}?{http.query_string.decode('latin-1')}",
            headers=http.headers.items(),
            body=body,
            user=self._authenticate(http, behaviours),
            root=http.host_url.rstrip("/"),
        )
        session = http.cookies.get(_SESSION)
        if session:
            return self._within_limits(request, session, behaviours)
        session = identifiers.session(self._random_seed, next(self._session_numbers))
        answer = self._within_limits(request, session, behaviours)
        cookie = ("Set-Cookie", f"{_SESSION}={session}; Path=/; HttpOnly")
        return replace(answer, headers=(*answer.headers, cookie))

    def _authenticate(self, http: Request, behaviours: Behaviours) -> str:
        given = http.authorization
        if given is not None:
            if given.type == "bearer" and self._oauth.accepts(given.token or ""):
                return behaviours.application_user
            if (
                behaviours.basic_auth
                and given.type == "basic"
                and (given.username, given.password) == (_USER, _PASSWORD)
            ):
                return _USER
        raise ApiError(errors.NOT_AUTHENTICATED)

    def _within_limits(
        self, request: ApiRequest, session: str, behaviours: Behaviours
    ) -> ApiResponse:
        """Serve a request within its hourly rate, its session and the slots."""
        found = _RESOURCE.match(request.path)
        verdict = self._rates.count(behaviours.rate_rules, found[1] if found else "")
        try:
            if verdict.refusal:
                raise verdict.refusal
            with (
                self._sessions.alone(session),
                self._slots.take(behaviours.slots, behaviours.queue),
            ):
                answer = self._run(request, behaviours)
        except ApiError as error:
            answer = error_response(error)
        return replace(answer, headers=(*answer.headers, *verdict.headers))

    def _run(self, request: ApiRequest, behaviours: Behaviours) -> ApiResponse:
        if _BATCH.fullmatch(request.path):
            return self._batches.handle(request, behaviours)
        if request.method != "GET":
            self._stopping.wait(behaviours.row_cost_ms / 1000)
        return self._serve(request)

    def _serve(self, request: ApiRequest) -> ApiResponse:
        with self._turn:
            return self._apis.handle(request)

    def _serve_item(self, request: ApiRequest) -> ApiResponse:
        try:
            return self._serve(request)
        except ApiError as error:
            return error_response(error)

    def _become(self, tables: Schema, behaviours: Behaviours) -> None:
        """Serve these tables with these behaviours from the next request on."""
        apis = Apis(tables, behaviours, self._rows, self._clock)
        with self._rows.transaction() as connection:
            try:
                store.set_unique(connection, [(i.table, i.columns) for i in behaviours.unique])
            except sqlite3.IntegrityError as error:
                raise DeclarationError(
                    f"The unique index cannot be created because there are duplicates: {error}"
                ) from error
            self._describe(connection, apis.schema)
        self._schema, self._behaviours, self._apis = tables, behaviours, apis

    @staticmethod
    def _describe(connection: sqlite3.Connection, described: Schema) -> None:
        for table in described.tables.values():
            if table.system:
                store.clear(connection, table)
        for name, values in dictionary.describe(described):
            empty = dict.fromkeys(described.tables[name].columns, "")
            store.insert(connection, described.tables[name], {**empty, **values})
