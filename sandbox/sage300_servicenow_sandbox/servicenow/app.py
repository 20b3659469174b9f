"""The ServiceNow instance as a WSGI application."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING
from urllib.parse import quote

from werkzeug.wrappers import Request, Response

from sage300_servicenow_sandbox.counters import OAUTH_PATH
from sage300_servicenow_sandbox.servicenow import dictionary, errors, schema, store
from sage300_servicenow_sandbox.servicenow.api import ApiResponse, error_response, make_request
from sage300_servicenow_sandbox.servicenow.batch_api import BatchApi
from sage300_servicenow_sandbox.servicenow.errors import ApiError
from sage300_servicenow_sandbox.servicenow.oauth import OAuth
from sage300_servicenow_sandbox.servicenow.records import Records
from sage300_servicenow_sandbox.servicenow.store import Store
from sage300_servicenow_sandbox.servicenow.table_api import TableApi

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from sage300_servicenow_sandbox.clock import Clock
    from sage300_servicenow_sandbox.counters import Counters
    from sage300_servicenow_sandbox.servicenow.api import ApiRequest

_USER = "integration"
_PASSWORD = "sandbox"  # noqa: S105 (the sandbox's, on purpose in the open)
_BY_HAND = "admin"
_MAX_BODY = 10 * 1024 * 1024  # glide.rest.max_content_length
_MAX_URL = 8192  # measured: 8182 bytes passed, 8347 did not
_TABLE = re.compile(r"/api/now/(?:(v[12])/)?table/([^/]+)(?:/([^/]+))?/?")
_BATCH = re.compile(r"/api/now/(?:v1/)?batch/?")


class ServiceNowApp:
    """One instance: its token endpoint, Table API and Batch API over one SQLite file.

    It takes the OAuth client `sandbox-client` with the secret `sandbox-secret`, whose
    application user is `integration`, and Basic auth as that user with the password `sandbox`.
    """

    def __init__(self, *, path: Path, clock: Clock, counters: Counters) -> None:
        """Open the instance kept in the SQLite file at `path`, or create it there."""
        self._schema = schema.load()
        self._rows = Store(path, self._schema)
        self._records = Records(self._rows, clock)
        self._oauth = OAuth(clock)
        self._tables = TableApi(self._schema, self._rows, self._records)
        self._batches = BatchApi(self._serve_item, counters)
        # One row's work at a time: Python runs one thread at once in any case, and handing over
        # in the middle of a row, at each of its SQL statements, costs more than waiting.
        self._turn = threading.Lock()
        self._describe()

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

    def rows(self, table: str) -> list[dict[str, str]]:
        """Return all rows of a table, every column, as stored.

        Raises:
            KeyError: there is no such table.
        """
        with self._turn:
            return store.every(self._rows.connection, self._schema.tables[table])

    def insert(self, table: str, values: Mapping[str, object]) -> dict[str, str]:
        """Insert a row as if typed in by hand and return it; what was sent is typed and sized.

        Raises:
            KeyError: there is no such table or column.
            ApiError: a mandatory column is empty, or the sys_id is taken.
        """
        definition = self._schema.tables[table]
        unknown = values.keys() - definition.columns.keys()
        if unknown:
            raise KeyError(f"{table} has no column {', '.join(sorted(unknown))}.")
        with self._turn:
            return self._records.insert(definition, values, user=_BY_HAND)

    def define_table(self, name: str, columns: Mapping[str, str]) -> None:
        """Add a table, as an administrator would; a reset empties it but lets it be.

        Args:
            name: the table's.
            columns: internal types, such as string or glide_date_time, by column name.

        Raises:
            ValueError: there is a table of that name.
        """
        with self._turn:
            table = self._schema.define(name, columns)
            with self._rows.transaction() as connection:
                store.create(connection, table)
            self._describe()

    def reset(self) -> None:
        """Empty the tables and forget the token."""
        with self._turn:
            with self._rows.transaction() as connection:
                for table in self._schema.tables.values():
                    store.clear(connection, table)
            self._describe()
        self._oauth.reset()

    def close(self) -> None:
        """Close the SQLite file; no request may be under way."""
        self._rows.close()

    def _answer(self, http: Request) -> ApiResponse:
        if len(http.base_url) + len("?") + len(http.query_string) > _MAX_URL:
            return ApiResponse(414, b"Request-URI Too Long", (("Content-Type", "text/plain"),))
        body = http.get_data()
        if len(body) > _MAX_BODY:
            raise ApiError(errors.TOO_LARGE, size=len(body), limit=_MAX_BODY)
        if http.path == OAUTH_PATH:
            return self._oauth.handle(http.mimetype, body)
        request = make_request(
            method=http.method,
            url=f"{quote(http.path)}?{http.query_string.decode('latin-1')}",
            headers=http.headers.items(),
            body=body,
            user=self._authenticate(http),
            root=http.host_url.rstrip("/"),
        )
        if _BATCH.fullmatch(request.path):
            return self._batches.handle(request)
        return self._serve(request)

    def _authenticate(self, http: Request) -> str:
        given = http.authorization
        if given is not None:
            if given.type == "bearer" and self._oauth.accepts(given.token or ""):
                return _USER
            if given.type == "basic" and (given.username, given.password) == (_USER, _PASSWORD):
                return _USER
        raise ApiError(errors.NOT_AUTHENTICATED)

    def _serve(self, request: ApiRequest) -> ApiResponse:
        found = _TABLE.fullmatch(request.path)
        if not found:
            raise ApiError(errors.UNKNOWN_RESOURCE, path=request.path)
        version, name, sys_id = found.groups()
        with self._turn:
            return self._tables.handle(request, version=version, name=name, sys_id=sys_id)

    def _serve_item(self, request: ApiRequest) -> ApiResponse:
        try:
            return self._serve(request)
        except ApiError as error:
            return error_response(error)

    def _describe(self) -> None:
        with self._rows.transaction() as connection:
            for table in self._schema.tables.values():
                if table.system:
                    store.clear(connection, table)
            for name, values in dictionary.describe(self._schema):
                empty = dict.fromkeys(self._schema.tables[name].columns, "")
                store.insert(connection, self._schema.tables[name], {**empty, **values})
