"""Sage 300's Web API over HTTP: credentials, routing, answers and refusals."""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING, Final

from werkzeug.wrappers import Request, Response

from . import metadata, paths, query
from .errors import SageError, iis_page, record_not_found
from .records import join, members

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from .query import Query
    from .resources import Resource
    from .site import SageSite

USER: Final = "INTEGRATION"
PASSWORD: Final = "SANDBOX"  # noqa: S105 -- the sandbox's own, printed when it starts
_AUTHORIZATION: Final = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
_LONGEST_QUERY_STRING: Final = 2048  # IIS request filtering, maxQueryString
_SESSION_COOKIE: Final = "ASP.NET_SessionId"
_JSON: Final = "application/json; odata.metadata=minimal"
_HTML: Final = "text/html"


class SageApp:
    """The WSGI application of the Sage 300 side; every method but GET is refused."""

    def __init__(self, site: SageSite) -> None:
        """Serve a site."""
        self._site = site

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        try:
            response = self._respond(request)
        except SageError as error:
            response = Response(error.body(), error.status, content_type=_JSON)
            if error.status == 405:  # noqa: PLR2004
                response.headers["Allow"] = "GET"
        headers = response.headers
        headers["Server"] = "Microsoft-IIS/10.0"
        if headers["Content-Type"] != _HTML:
            headers["Cache-Control"] = "no-cache"
            headers["OData-Version"] = "4.0"
            headers["api-supported-versions"] = "1.0"
            if _SESSION_COOKIE not in request.cookies:
                response.set_cookie(_SESSION_COOKIE, secrets.token_hex(12), httponly=True)
        return response(environ, start_response)

    def _respond(self, request: Request) -> Response:
        if len(request.query_string) > _LONGEST_QUERY_STRING:
            page = iis_page("404 - File or directory not found.", "HTTP Error 404.15 - Not Found")
            return Response(page, 404, content_type=_HTML)
        # Exactly in upper case, as old company databases keep both.
        if request.headers.get("Authorization") != _AUTHORIZATION:
            page = iis_page(
                "401 - Unauthorized: Access is denied due to invalid credentials.",
                "You do not have permission to view this directory or page using the "
                "credentials that you supplied.",
            )
            challenge = {"WWW-Authenticate": 'Basic realm="Sage 300 Web API"'}
            return Response(page, 401, challenge, content_type=_HTML)
        if request.method != "GET":
            raise SageError(
                405, "MethodNotAllowed", "The requested resource supports the method GET only."
            )
        target = paths.parse(request.path, self._site.companies)
        if target.resource is None:
            return Response(metadata.document(target.module), content_type="application/xml")
        wanted = query.parse(
            target.resource,
            request.query_string.decode("ascii", "replace"),
            single=target.key is not None,
        )
        context = f"{request.host_url}{request.path[1:].partition(target.resource.name)[0]}"
        if target.key is None:
            body = self._collection(target.company, target.resource, wanted, context)
        else:
            body = self._single(target.company, target.resource, target.key, wanted, context)
        return Response(body, content_type=_JSON)

    def _collection(self, company: str, resource: Resource, wanted: Query, base: str) -> str:
        # One row more than the page tells whether there is another page.
        rows = self._site.store.select(
            company, resource, wanted.condition, skip=wanted.skip, limit=wanted.page + 1
        )
        page = [_selected(row, wanted.select) for row in rows[: wanted.page]]
        answer = {"@odata.context": json.dumps(_context(base, resource, wanted))}
        if wanted.count:
            total = self._site.store.count(company, resource, wanted.condition)
            answer["@odata.count"] = str(total)
        answer["value"] = "[" + ",".join(page) + "]"
        more = wanted.next_page() if len(rows) > wanted.page else None
        if more:
            answer["@odata.nextLink"] = json.dumps(f"{base}{resource.name}?{more}")
        return join(answer)

    def _single(
        self,
        company: str,
        resource: Resource,
        key: tuple[str | int, ...],
        wanted: Query,
        base: str,
    ) -> str:
        record = self._site.store.get(company, resource, key)
        if record is None:
            raise record_not_found(resource.name, ",".join(str(part) for part in key))
        context = json.dumps(_context(base, resource, wanted) + "/$entity")
        return f'{{"@odata.context":{context},{_selected(record, wanted.select)[1:]}'


def _context(base: str, resource: Resource, wanted: Query) -> str:
    chosen = f"({','.join(wanted.select)})" if wanted.select else ""
    return f"{base}$metadata#{resource.name}{chosen}"


def _selected(record: str, names: tuple[str, ...]) -> str:
    if not names:
        return record
    texts = members(record)
    return join({name: texts[name] for name in names})
