"""A Sage 300 made of one function, and ways to run the tap against it or the sandbox."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import logging
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from sage300_servicenow_sandbox import Sandbox, SandboxOptions
from sage300_servicenow_sandbox.control_client import ControlClient
from tap_sage300 import config
from tap_sage300.api import session
from tap_sage300.errors import TapError
from tap_sage300.reading import reader
from tap_sage300.streams import STREAMS
from tap_sage300.tap import TapSage300

COMMAND = str(Path(sys.executable).with_name("tap-sage300"))


ENTITIES = {stream.entity.name: stream.entity for stream in STREAMS}


def bare(value):
    """Return Sage's entity as a record holds it: without helper properties, to the digit."""
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items() if k != "UpdateOperation"}
    if isinstance(value, list):
        return [bare(item) for item in value]
    return (str(value), "number") if type(value) in {Decimal, int} else value


@dataclass
class Output:
    """What a tap wrote, message by message."""

    text: str
    messages: list = field(init=False)

    def __post_init__(self):
        self.messages = [
            json.loads(line, parse_float=Decimal) for line in self.text.splitlines() if line
        ]

    def records(self, stream, company=None):
        return [
            message["record"]
            for message in self.messages
            if message["type"] == "RECORD"
            and message["stream"] == stream
            and company in (None, message["record"]["CompanyID"])
        ]

    @staticmethod
    def key(stream, record):
        return tuple(record[name] for name in ENTITIES[stream].keys)

    bare = staticmethod(bare)

    def keys(self, stream="APVendors", key="VendorNumber"):
        return [record[key] for record in self.records(stream)]

    @property
    def schemas(self):
        return {m["stream"]: m for m in self.messages if m["type"] == "SCHEMA"}

    @property
    def states(self):
        return [m["value"] for m in self.messages if m["type"] == "STATE"]

    @property
    def state(self):
        return self.states[-1]

    def part(self, stream, company="SAMINC"):
        parts = self.state["bookmarks"][stream]["partitions"]
        return next(part for part in parts if part["context"] == {"CompanyID": company})


@contextlib.contextmanager
def captured():
    """Capture what is written to stdout; what is yielded gives its text when called."""
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    with contextlib.redirect_stdout(written):
        yield lambda: (written.flush(), written.buffer.getvalue().decode())[1]


def sync(config, state=None, catalog=None):
    """Run the tap in this process."""
    with captured() as text:
        tap = TapSage300(config=dict(config), state=copy.deepcopy(state), catalog=catalog)
        tap.sync_all()
    return Output(text())


def interrupted(config, state=None, catalog=None):
    """Run the tap, which may fail; return what it wrote, and the sentence it failed with."""
    failure = None
    with captured() as text:
        tap = TapSage300(config=dict(config), state=copy.deepcopy(state), catalog=catalog)
        try:
            tap.sync_all()
        except TapError as error:
            failure = error
    return Output(text()), failure


def only(*streams, **deselected):
    """Return a catalog that selects some streams, without some of their properties."""
    catalog = TapSage300(config={}, validate_config=False, setup_mapper=False).catalog_dict
    for entry in catalog["streams"]:
        name = entry["tap_stream_id"]
        for item in entry["metadata"]:
            if not item["breadcrumb"]:
                item["metadata"]["selected"] = name in streams
            elif item["breadcrumb"][-1] in deselected.get(name, ()):
                item["metadata"]["selected"] = False
    return catalog


class FakeSage:
    """A server whose answers come from a function of the request; it keeps every request."""

    def __init__(self):
        self.requests = []
        self.answer = lambda _request: page([])
        self.server = make_server("127.0.0.1", 0, self._app, threaded=True)
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.host = f"http://127.0.0.1:{self.server.server_port}"
        self.url = self.host + "/Sage300WebApi"

    def _app(self, environ, start_response):
        request = Request(environ)
        self.requests.append(request)
        return self.answer(request)(environ, start_response)

    def stop(self):
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()

    def queries(self, resource=""):
        return [
            dict(parse_qsl(r.query_string.decode())) for r in self.requests if resource in r.path
        ]


def page(rows, **more):
    """Return an answer with a list of rows; ``count`` and ``link`` as OData writes them."""
    body = {"value": rows}
    if "count" in more:
        body["@odata.count"] = more["count"]
    if "link" in more:
        body["@odata.nextLink"] = more["link"]
    return Response(json.dumps(body), content_type="application/json")


def refusal(status, code, message="no"):
    body = {"error": {"code": code, "message": {"lang": "en-US", "value": message}}}
    return Response(json.dumps(body), status, content_type="application/json")


KEY = re.compile(r"(\w+) gt '?([^')]+)'?")


def vendors(*numbers, date="2026-11-01T00:00:00Z"):
    return [{"VendorNumber": number, "DateLastMaintained": date} for number in numbers]


class Table:
    """Serves rows: filters by key, pages by ``$top`` and ``$skip``, links on past its own cap."""

    def __init__(self, rows, cap=100, *, links=True, count=True):
        self.rows, self.cap = rows, cap
        self.links, self.count = links, count

    def __call__(self, request):
        found = KEY.search(request.args.get("$filter", ""))
        rows = [r for r in self.rows if not found or self.after(r[found[1]], found[2])]
        skip, top = int(request.args.get("$skip", 0)), int(request.args["$top"])
        given = rows[skip : skip + min(top, self.cap)]
        more = {}
        if self.count and request.args.get("$count") == "true":
            more["count"] = len(rows)
        if self.links and len(given) < top and skip + len(given) < len(rows):
            more["link"] = f"https://elsewhere.example/x?$skip={skip + len(given)}"
        return page(given, **more)

    @staticmethod
    def after(key, last):
        return key > (int(last) if isinstance(key, int) else last)


@pytest.fixture
def fake():
    server = FakeSage()
    yield server
    server.stop()


@pytest.fixture
def fake_class():
    """For tests that need a second server."""
    return FakeSage


@pytest.fixture
def fake_config(fake):
    return {
        "api_url": fake.url,
        "companies": ["SAMINC"],
        "username": "reader",
        "password": "Secret1",
        "min_call_interval_ms": 0,
        "max_retries": 0,
    }


@pytest.fixture
def open_session(fake_config):
    """Make a session that does not wait between tries."""

    def make(**changes):
        given = config.read({**fake_config, **changes})
        logger = logging.getLogger("tap-sage300-test")
        connection = given.connection(given.password)
        return session.SageSession(connection, logger, sleep=lambda _seconds: None)

    return make


@pytest.fixture
def read(fake_config, helpers):
    """Read one stream of the fake server."""

    def run(stream="APVendors", state=None, *, catalog=None, **changes):
        chosen = catalog or helpers.only(stream)
        return helpers.sync({**fake_config, **changes}, state, chosen)

    return run


class Site:
    """The sandbox's Sage 300, and what a user there or a test does to it."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.url = sandbox.sage_url
        self.control = ControlClient(self.url)
        self.config = {
            "api_url": self.url,
            "companies": ["SAMINC"],
            "username": "integration",
            "password": "sandbox",
            "min_call_interval_ms": 0,
            "max_retries": 0,
        }

    def records(self, resource, company="SAMINC"):
        return self.control.records(company, resource)

    def expected(self, stream, company="SAMINC"):
        """Return the records of a read of everything, by key."""
        entity = ENTITIES[stream]
        skipped = ("UpdateOperation", *entity.calculated)
        return {
            tuple(row[name] for name in entity.keys): {"CompanyID": company}
            | {
                name: bare(value)
                for name, value in row.items()
                if name not in entity.private and not name.startswith(skipped)
            }
            for row in self.records(stream, company)
        }

    def edit(self, resource, key, company="SAMINC", **values):
        return self.control.edit(company, resource, key, **values)

    def post(self, number, company="SAMINC"):
        return self.control.post_batch(company, number)

    def behave(self, **behaviours):
        self.control.sage_behaviours(**behaviours)

    def copy(self, resource, key, company="SAMINC", **values):
        return self.control.copy(company, resource, key, **values)

    def follow(self, *rules):
        """Set a fault plan."""
        self.control.follow_faults({"rules": list(rules)})

    def now(self, instant):
        self.control.set_clock(instant)

    def calls(self):
        return self.control.counters()["sage300"]["calls"]

    def fresh(self):
        self.control.reset()
        self.now("2026-11-20T12:00:00Z")
        return self


@pytest.fixture(scope="session")
def sandbox_site():
    options = SandboxOptions(
        sage_port=0,
        servicenow_port=0,
        companies=("SAMINC", "SAMLTD"),
        vendors=50,
        accounts=40,
        batches=12,
    )
    with Sandbox(options) as sandbox:
        yield Site(sandbox)


@pytest.fixture
def site(sandbox_site, monkeypatch):
    """The sandbox as new, with a tap in this process that lives on the same day."""
    clock = sandbox_site.sandbox.clock
    monkeypatch.setattr(reader, "utc_today", lambda: clock.now().date())
    return sandbox_site.fresh()


@pytest.fixture(scope="session")
def served(sandbox_site):
    """The streams that the sandbox serves."""
    return [name for name in ENTITIES if name in sandbox_site.sandbox.sage.resources]


@pytest.fixture(scope="session")
def site_class():
    """For tests that need a site of their own size."""
    return Site


@pytest.fixture
def helpers():
    return Helpers


class Helpers:
    """Functions of this file, since tests here cannot import one another."""

    sync = staticmethod(sync)
    interrupted = staticmethod(interrupted)
    captured = staticmethod(captured)
    bare = staticmethod(bare)
    key = staticmethod(Output.key)
    only = staticmethod(only)
    page = staticmethod(page)
    vendors = staticmethod(vendors)
    Table = Table
    refusal = staticmethod(refusal)
    Response = Response
    json = staticmethod(json.dumps)

    @staticmethod
    def measured(program, *arguments):
        """Run a small Python program without what this process has loaded."""
        words = [sys.executable, "-I", "-S", "-c", program, *map(str, arguments)]
        return subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)

    @staticmethod
    def run(*arguments, config=None, folder, timeout=60):
        """Run the installed command with a configuration file."""
        words = list(arguments)
        if config is not None:
            path = folder / "config.json"
            path.write_text(json.dumps(config), encoding="utf-8")
            words = ["--config", str(path), *words]
        return subprocess.run(  # the command under test
            [COMMAND, *words], capture_output=True, text=True, timeout=timeout, check=False
        )
