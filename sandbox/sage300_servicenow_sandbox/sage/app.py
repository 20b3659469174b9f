"""Sage 300's Web API over HTTP: credentials, routing, answers and refusals."""

from __future__ import annotations

import base64
import json
import typing as t
from http import HTTPStatus
from itertools import count

from werkzeug.wrappers import Request, Response

from sage300_servicenow_sandbox.environ import IN_PROGRESS
from sage300_servicenow_sandbox.sage import metadata, paths, query
from sage300_servicenow_sandbox.sage.errors import SageError, forbidden, iis_page, record_not_found
from sage300_servicenow_sandbox.sage.pool import Pool
from sage300_servicenow_sandbox.sage.records import empty, first_details, join, members
from sage300_servicenow_sandbox.sage.store import EVERY

if t.TYPE_CHECKING:
    import threading
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from sage300_servicenow_sandbox.sage.behaviours import Behaviours, PasswordPolicy
    from sage300_servicenow_sandbox.sage.paths import Target
    from sage300_servicenow_sandbox.sage.query import Query
    from sage300_servicenow_sandbox.sage.resources import Resource
    from sage300_servicenow_sandbox.sage.site import SageSite

USER: t.Final = "INTEGRATION"
ADMIN: t.Final = "ADMIN"
PASSWORD: t.Final = "SANDBOX"  # noqa: S105 -- the sandbox's own, printed when it starts
COMPLEX_PASSWORD: t.Final = "SandBox"  # noqa: S105 -- where password_policy is complex
_LONGEST_QUERY_STRING: t.Final = 2048  # IIS request filtering, maxQueryString
_SESSION_COOKIE: t.Final = "ASP.NET_SessionId"
_JSON: t.Final = "application/json; odata.metadata=minimal"
_HTML: t.Final = "text/html"
_NO_RIGHTS: t.Final = "Insufficient security rights for user."
# Status to the title and text of IIS's own page.
_PAGES: t.Final = {
    401: (
        "401 - Unauthorized: Access is denied due to invalid credentials.",
        "You do not have permission to view this directory with the credentials you supplied.",
    ),
    404: ("404 - File or directory not found.", "HTTP Error 404.15 - Not Found"),
    503: ("Service Unavailable", "HTTP Error 503. The service is unavailable."),
}


def _user(authorization: str, policy: PasswordPolicy) -> str:
    """Return the user of an Authorization header, empty if user or password are wrong."""
    try:
        text = base64.b64decode(authorization.removeprefix("Basic "), validate=True).decode()
    except ValueError:
        return ""
    user, _, password = text.partition(":")
    if policy != "before_2022_2":  # as old company databases keep both
        user = user.upper()
    if policy == "simple":
        password = password.upper()
    right = COMPLEX_PASSWORD if policy == "complex" else PASSWORD
    return user if password == right and user in {USER, ADMIN} else ""


def _refuse_unreadable(resource: Resource, rows: Iterable[str], keys: tuple[str, ...]) -> None:
    """Refuse a page with a record that cannot be read.

    Raises:
        SageError: One of the records is such a one.
    """
    for row in rows:
        values = json.loads(row)
        if ",".join(str(values[name]) for name in resource.keys) in keys:
            raise SageError(500, "General", "A value of a record is out of range.")


class SageApp:
    """The WSGI application of the Sage 300 side; every method but GET is refused."""

    def __init__(self, site: SageSite, stopping: threading.Event) -> None:
        """Serve a site; setting `stopping` ends every wait."""
        self._site = site
        self._pool = Pool(site.clock)
        self._stopping = stopping
        self._sessions = count(1)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        behaviours = self._site.behaviours
        try:
            response = self._admit(request, behaviours) or self._respond(request, behaviours)
        except SageError as error:
            response = _refusal(error)
        headers = response.headers
        headers["Server"] = "Microsoft-IIS/10.0"
        if headers["Content-Type"] != _HTML:
            headers["Cache-Control"] = "no-cache"
            headers["OData-Version"] = "4.0"
            headers["api-supported-versions"] = "1.0"
            if _SESSION_COOKIE not in request.cookies:
                # Numbered, so that the same requests get the same bytes.
                response.set_cookie(_SESSION_COOKIE, f"{next(self._sessions):024x}", httponly=True)
        return response(environ, start_response)

    def reset(self) -> None:
        """Rest the application pool, and number sessions from the start."""
        self._pool.reset()
        self._sessions = count(1)

    def _admit(self, request: Request, behaviours: Behaviours) -> Response | None:
        """Return what IIS answers in Sage 300's place, None if the request gets through."""
        if not self._pool.admits(behaviours):
            self._stopping.wait(behaviours.pool_hang_seconds)
            return _page(503)
        if len(request.query_string) > _LONGEST_QUERY_STRING:
            return _page(404)
        if 0 < behaviours.concurrent_limit < request.environ[IN_PROGRESS]:
            raise SageError(429, "TooManyRequests", "Too many concurrent requests.")
        return None

    def _respond(self, request: Request, behaviours: Behaviours) -> Response:
        user = _user(request.headers.get("Authorization", ""), behaviours.password_policy)
        if user == ADMIN:
            raise forbidden(_NO_RIGHTS)
        if user != USER:
            raise SageError(401, "Unauthorized", "The user ID or the password is wrong.")
        if request.method != "GET":
            raise SageError(
                405, "MethodNotAllowed", "The requested resource supports the method GET only."
            )
        resources = self._site.resources
        target = paths.parse(request.path, self._site.companies, resources)
        if target.company in behaviours.locked_companies:
            raise forbidden(f"The company database {target.company} is locked by another program.")
        if target.module in behaviours.forbidden_modules.get(target.company, ()):
            raise forbidden(_NO_RIGHTS)
        if target.resource is None:
            document = metadata.document(target.module, resources.values())
            return Response(document, content_type="application/xml")
        wanted = query.parse(
            target.resource,
            request.query_string.decode("ascii", "replace"),
            single=target.key is not None,
            behaviours=behaviours,
        )
        base = f"{request.path[1:].partition(target.resource.name)[0]}"
        host = behaviours.next_link_host or request.host_url
        return Response(
            self._body(target, target.resource, wanted, f"{host.rstrip('/')}/{base}"),
            content_type=_JSON,
        )

    def _body(self, target: Target, resource: Resource, wanted: Query, base: str) -> str:
        if target.key is None:
            return self._collection(target.company, resource, wanted, base)
        return self._single(target.company, resource, target.key, wanted, base)

    def _collection(self, company: str, resource: Resource, wanted: Query, base: str) -> str:
        # One row more than the page shows whether there is another page.
        rows = self._site.store.select(
            company,
            resource,
            wanted.condition,
            order=wanted.order,
            skip=wanted.skip,
            limit=wanted.page + 1,
        )
        unreadable = self._site.behaviours.unreadable_records.get(resource.name, ())
        if unreadable and wanted.select != resource.keys:
            _refuse_unreadable(resource, rows[: wanted.page], unreadable)
        page = [_selected(resource, row, wanted.select) for row in rows[: wanted.page]]
        if most := self._site.behaviours.detail_page:
            properties = resource.record_type.properties.items()
            lists = {name for name, prop in properties if prop.kind == "collection"}
            address = f"{base}{resource.name}"
            page = [first_details(row, lists, most, address) for row in page]
        answer = {"@odata.context": json.dumps(_context(base, resource, wanted))}
        counts = self._site.behaviours.counts
        if wanted.count and counts != "absent":
            condition = EVERY if counts == "of_all" else wanted.condition
            total = self._site.store.count(company, resource, condition)
            answer["@odata.count"] = str(len(page) if counts == "of_page" else total)
        answer["value"] = "[" + ",".join(page) + "]"
        more = wanted.next_page(len(page), has_more=len(rows) > wanted.page)
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
        return f'{{"@odata.context":{context},{_selected(resource, record, wanted.select)[1:]}'


def _context(base: str, resource: Resource, wanted: Query) -> str:
    chosen = f"({','.join(wanted.select)})" if wanted.select else ""
    return f"{base}$metadata#{resource.name}{chosen}"


def _selected(resource: Resource, record: str, names: tuple[str, ...]) -> str:
    if not names and not resource.site_properties:
        return record
    texts = {prop.name: empty(prop) for prop in resource.site_properties} | members(record)
    properties = resource.record_type.properties
    return join({name: texts[name] for name in names or properties})


def _refusal(error: SageError) -> Response:
    if error.status == HTTPStatus.UNAUTHORIZED:
        response = _page(error.status)  # IIS answers before Sage 300 does
        response.headers["WWW-Authenticate"] = 'Basic realm="Sage 300 Web API"'
        return response
    response = Response(error.body(), error.status, content_type=_JSON)
    if error.status == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = "GET"
    return response


def _page(status: int) -> Response:
    return Response(iis_page(*_PAGES[status]), status, content_type=_HTML)
