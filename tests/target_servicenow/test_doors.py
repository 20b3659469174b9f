"""The target's doors: what it takes as a setting, whom it talks to, and who can read its files."""

from __future__ import annotations

import os
import stat
import typing as t

import pytest

from target_servicenow.api.errors import StopRunError
from target_servicenow.api.oauth import BasicAuth
from target_servicenow.api.session import Session, client_credentials
from target_servicenow.api.table import find_items
from target_servicenow.api.wire import Connection
from target_servicenow.commands.group import ledger
from target_servicenow.config import SettingError, is_open, read
from target_servicenow.target import TargetServiceNow

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from conftest import Instance, Server, Singer

PATH = "/api/now/table/proc_vendor"
VARIABLE = "TARGET_SERVICENOW_VERIFY_SSL"


def reply(handler: BaseHTTPRequestHandler, status: int = 200, **headers: str) -> None:
    """Answer with an empty result."""
    body = b'{"result": []}'
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", **headers}.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((text, True) for text in ("true", " true", "Y", "t", "enabled", "ON ", "1", "\tYes")),
        *((text, False) for text in ("false", "No", "n", "F", " disabled", "off", "0")),
        *((text, None) for text in ("", "  ")),
    ],
)
def test_booleans_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, text: str, *, value: bool | None
) -> None:
    """Kind: a word that means true, but not to the SDK, turns the check of certificates off."""
    monkeypatch.setenv(VARIABLE, text)
    expected = {} if value is None else {"verify_ssl": value}
    assert TargetServiceNow.read_environment().items() >= expected.items()
    assert ("verify_ssl" in TargetServiceNow.read_environment()) is (value is not None)


@pytest.mark.parametrize("text", ["ja", "2", "true false", "null", "-"])
def test_other_words_are_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(SettingError) as caught:
        TargetServiceNow.read_environment()
    assert str(caught.value) == (
        f"The setting verify_ssl must be true or false (environment variable {VARIABLE})"
    )


def test_a_dotenv_file_is_read_alike(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Kind: the same variable from another place."""
    search = "singer_sdk.configuration._dict_config.find_dotenv"
    monkeypatch.setattr(search, lambda: str(tmp_path / ".env"))
    for text in ("maybe", " enabled "):
        monkeypatch.setenv(VARIABLE, "")  # to be removed again, with what the file sets
        monkeypatch.delenv(VARIABLE)
        (tmp_path / ".env").write_text(f"{VARIABLE}='{text}'\n", encoding="utf-8")
        if text == "maybe":
            with pytest.raises(SettingError, match="verify_ssl must be true or false"):
                TargetServiceNow.read_environment()
        else:
            assert TargetServiceNow.read_environment()["verify_ssl"] is True


@pytest.mark.parametrize(
    "address", ["https://ann:hush@dev1.service-now.com", "hush@dev1", "https://hush@dev1/"]
)
def test_an_address_with_credentials_is_refused(address: str) -> None:
    """Kind: a secret in an address, which sentences and logs would show."""
    with pytest.raises(SettingError) as caught:
        read({"instance_url": address})
    assert str(caught.value) == (
        "The setting instance_url must be without user name and password: give them as username "
        "and password, with auth_method basic"
    )


@pytest.mark.parametrize(
    "address",
    ["https://dev1.service-now.com?a=1", "https://dev1/#x", "https://[dev1", "http://d:x"],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(SettingError, match="must be the instance's full URL"):
        read({"instance_url": address})


@pytest.mark.parametrize(
    ("address", "warned"),
    [
        ("http://servicenow.internal", True),
        ("HTTP://192.0.2.7:8080", True),
        ("http://127.0.0.1:8301", False),
        ("http://[::1]:8301", False),
        ("http://localhost", False),
        ("https://servicenow.internal", False),
    ],
)
def test_plain_http_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, address: str, *, warned: bool
) -> None:
    """Kind: an address by which credentials can be read on the way."""
    config = {"instance_url": address, "client_id": "c", "client_secret": "s"}
    target = TargetServiceNow(config={**config, "ledger_path": str(tmp_path / "l.sqlite")})
    target.finish("finished")
    expected = (
        "The setting instance_url is a plain http address of another machine: the credentials and "
        "all rows can be read on the way; give its https address"
    )
    lines = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert lines == [expected] * warned
    assert is_open(address) is warned


def test_netrc_is_never_read(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: credentials of somebody else's for the same host."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n", encoding="utf-8")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server = serve(reply)
    connection = Connection(server.url, max_retries=0)
    clients = client_credentials(connection, client_id="c", client_secret="s")
    with pytest.raises(StopRunError, match="issued no token"):
        Session(connection, clients).call("GET", PATH, what="reading x")
    assert [headers["Authorization"] for headers in server.headers] == [None]
    Session(connection, BasicAuth("u", "p")).call("GET", PATH, what="reading x")
    assert server.headers[-1]["Authorization"] == "Basic dTpw"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nothing_reaches_another_host(serve: Callable[..., Server], status: int) -> None:
    """Kind: a redirect, by which rows or credentials would go elsewhere."""
    other = serve(reply)
    server = serve(lambda handler: reply(handler, status, Location=f"{other.url}/x"))
    session = Session(Connection(server.url, max_retries=0), BasicAuth("u", "p"))
    with pytest.raises(StopRunError) as caught:
        session.call("POST", PATH, what="writing x", body=b"{}")
    assert str(caught.value) == (
        "ServiceNow answered with a redirect while writing x: check instance_url, and that the "
        "instance is awake"
    )
    assert (len(server.headers), other.headers) == (1, [])


@pytest.mark.parametrize("auth_method", ["basic", "oauth_client_credentials"])
@pytest.mark.parametrize("status", [302, 307, 308])
def test_a_run_that_is_redirected(
    serve: Callable[..., Server],
    instance: Instance,
    singer: Singer,
    status: int,
    auth_method: str,
) -> None:
    """Kind: an address that leads elsewhere, for the first call of a run: a token, or rows."""
    other = serve(reply)
    server = serve(lambda handler: reply(handler, status, Location=f"{other.url}/x"))
    messages = [*singer.vendors(singer.vendor("1")), singer.state(1)]
    account = {"username": "u", "password": "p"}
    result = instance.run(messages, instance_url=server.url, auth_method=auth_method, **account)
    assert (result.code, result.states, other.headers) == (1, [], [])
    what = "reading the mapped tables" if auth_method == "basic" else "requesting a token"
    [sentence] = result.errors
    assert sentence == (
        f"ServiceNow answered with a redirect while {what}: check instance_url, and that the "
        "instance is awake"
    )


def test_names_that_servicenow_would_run(instance: Instance, singer: Singer) -> None:
    """Kind: text of a record that is code where it stands in a query."""
    names = ["javascript:gs.getUserID()", "Acme JavaScript:x", " JAVASCRIPT:y", "javascript"]
    urls = [item.url for item in find_items("proc_vendor", "name", names, ())]
    assert not any("javascript%3a" in url.lower() for url in urls)
    assert [url.rpartition("sysparm_query=")[2] for url in urls] == [
        "nameENDSWITHgs.getUserID%28%29",
        "nameSTARTSWITHAcme%20%5EnameENDSWITHx",
        "nameENDSWITHy",
        "nameINjavascript",
    ]
    vendors = [singer.vendor(name, VendorName=name) for name in names]
    for expected in ({"created": 4}, {"unchanged": 4}):
        assert instance.run(singer.vendors(*vendors)).code == 0
        assert instance.counts("proc_vendor") == expected
    assert all("javascript:" not in name.lower() for name in instance.by_source("proc_vendor"))


@pytest.mark.skipif(os.name != "posix", reason="rights of files as POSIX has them")
def test_files_that_only_their_owner_can_read(instance: Instance, singer: Singer) -> None:
    """Kind: what holds vendors and amounts, readable by every user of the machine."""
    seen: dict[str, int] = {}

    def messages() -> Iterator[dict[str, t.Any]]:
        yield from singer.vendors(singer.vendor("1"), singer.vendor("", VendorName="no key"))
        for path in instance.folder.iterdir():
            seen[path.name] = stat.S_IMODE(path.stat().st_mode)

    old = os.umask(0o022)
    try:
        assert instance.run(messages()).code == 0
        waiting = instance.folder / "waiting.singer"
        waiting.touch(0o644)
        arguments = ["--ledger", str(instance.ledger), "export", "--output", str(waiting)]
        ledger.main(arguments, standalone_mode=False)
    finally:
        os.umask(old)
    names = {f"ledger.sqlite{end}" for end in ("", "-wal", "-shm")}
    assert {name for name, mode in seen.items() if mode == 0o600} >= names
    assert stat.S_IMODE(waiting.stat().st_mode) == 0o600
    assert waiting.read_text(encoding="utf-8").count("\n") == 2
