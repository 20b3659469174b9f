"""Secrets in the operating system's credential store: here a real Secret Service on D-Bus.

The store is gnome-keyring in a session bus of its own, with its files in the test's folder. On
Windows and macOS the same calls of ``keyring`` reach Credential Manager and Keychain.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from conftest import Pair

NIGHTLY = pytest.mark.skipif(os.environ.get("NIGHTLY") != "1", reason="slow; set NIGHTLY=1")
PROGRAMS = Path(sys.executable).parent
NEEDED = ("dbus-run-session", "gnome-keyring-daemon")
MISSING = [name for name in NEEDED if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING),
    reason=f"no Secret Service: {', '.join(MISSING)} not installed (apt-get install gnome-keyring)",
)

SESSION = """
import json, os, subprocess, sys, time

plan = json.load(sys.stdin)
daemon = subprocess.Popen(
    ["gnome-keyring-daemon", "--foreground", "--components=secrets", "--unlock"],
    stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
daemon.stdin.write(b"login password")
daemon.stdin.close()

def run(words, text=""):
    done = subprocess.run(words, input=text, capture_output=True, encoding="utf-8", timeout=90)
    return {"code": done.returncode, "output": done.stdout, "errors": done.stderr}

try:
    from jeepney.io.blocking import open_dbus_connection
    from jeepney.bus_messages import message_bus
    with open_dbus_connection() as bus:
        until = time.monotonic() + 10
        while not bus.send_and_get_reply(
            message_bus.NameHasOwner("org.freedesktop.secrets")
        ).body[0]:
            assert time.monotonic() < until, "gnome-keyring-daemon did not start"
            time.sleep(0.05)
    if plan["lock"]:
        import secretstorage
        secretstorage.get_default_collection(secretstorage.dbus_init()).lock()
    json.dump([run(*step) for step in plan["steps"]], sys.stdout)
finally:
    daemon.terminate()
    daemon.wait(10)
"""


class Ended(t.NamedTuple):
    """How a command ended."""

    code: int
    output: str
    errors: str


Step = tuple[list[str], str]


@pytest.fixture
def in_session(tmp_path: Path) -> t.Callable[..., list[Ended]]:
    """Runs commands one after the other beside a Secret Service that is empty at first."""
    home = tmp_path / "home"
    runtime = tmp_path / "runtime"
    for folder in (home, runtime):
        folder.mkdir(mode=0o700)
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("XDG_", "DBUS_", "PYTHON_KEYRING", "TAP_", "TARGET_"))
    }
    places = {
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_RUNTIME_DIR": str(runtime),
        "XDG_CONFIG_HOME": str(home / "config"),
    }

    def run(*steps: Step, lock: bool = False) -> list[Ended]:
        session = subprocess.run(
            ["dbus-run-session", "--", sys.executable, "-c", SESSION],
            input=json.dumps({"steps": steps, "lock": lock}),
            env={**inherited, **places},
            capture_output=True,
            encoding="utf-8",
            timeout=180,
            check=False,
        )
        assert session.returncode == 0, session.stderr
        return [Ended(**ended) for ended in json.loads(session.stdout)]

    return run


def stored(service: str, user: str, secret: str) -> Step:
    """What docs/secrets.md says to run; the secret is asked for, or comes through a pipe."""
    return [sys.executable, "-m", "keyring", "set", service, user], secret


@pytest.fixture
def without_secrets(pair: Pair) -> Pair:
    """Settings as they are in a file that anybody may read."""
    del pair.tap["password"], pair.target["client_secret"]
    for name, settings in (("tap", pair.tap), ("target", pair.target)):
        (pair.folder / f"{name}.json").write_text(json.dumps(settings), encoding="utf-8")
    return pair


def program(pair: Pair, name: str, *words: str) -> list[str]:
    settings = pair.folder / ("tap.json" if name == "tap-sage300" else "target.json")
    return [str(PROGRAMS / name), "--config", str(settings), *words]


def test_a_load_with_both_secrets_in_the_store(
    without_secrets: Pair, in_session: t.Callable[..., list[Ended]]
) -> None:
    """Kind: a store that the plugins cannot read, or ask for another entry than the docs name.

    The password is stored as it was typed; the tap sends it in capitals, as Sage wants it.
    """
    pair = without_secrets
    tap, target = program(pair, "tap-sage300"), program(pair, "target-servicenow")
    load = [
        sys.executable,
        "-c",
        (
            "import sys; from subprocess import Popen, PIPE, run; "
            f"tap = Popen({tap!r}, stdout=PIPE); "
            f"sys.exit(run({target!r}, stdin=tap.stdout).returncode or tap.wait())"
        ),
    ]
    first, second, loaded = in_session(
        stored(pair.tap["api_url"], pair.tap["username"], "sandbox"),
        stored(pair.target["instance_url"], "sandbox-client", "sandbox-secret"),
        (load, ""),
    )
    assert (first.code, second.code) == (0, 0), first.errors + second.errors
    assert loaded.code == 0, loaded.errors
    assert len(pair.servicenow("proc_vendor")) == 60
    assert "sandbox-secret" not in loaded.errors + loaded.output
    assert b"sandbox-secret" not in b"".join(
        path.read_bytes() for path in pair.folder.glob("ledger*")
    )


@NIGHTLY
def test_a_rotated_secret_is_taken_from_the_store(
    without_secrets: Pair, in_session: t.Callable[..., list[Ended]]
) -> None:
    """Kind: an old secret that is kept somewhere after a new one was stored."""
    pair = without_secrets
    service = pair.target["instance_url"]
    check = program(pair, "target-servicenow", "--test")
    _, refused, _, taken = in_session(
        stored(service, "sandbox-client", "last year's"),
        (check, ""),
        stored(service, "sandbox-client", "sandbox-secret"),
        (check, ""),
    )
    assert refused.code == 1
    assert "ServiceNow issued no token: check client_id and client_secret" in refused.errors
    assert taken.code == 0, taken.errors
    assert "0 errors" in taken.output


@pytest.mark.parametrize("lock", [pytest.param(False, marks=NIGHTLY), True])
def test_a_store_without_the_entry_and_a_locked_one(
    without_secrets: Pair, in_session: t.Callable[..., list[Ended]], *, lock: bool
) -> None:
    """Kind: an entry of another account, and a store that nobody unlocked after a restart.

    Nothing waits for somebody to type a password: a schedule has nobody.
    """
    pair = without_secrets
    read, written = in_session(
        (program(pair, "tap-sage300", "--test"), ""),
        (program(pair, "target-servicenow", "--test"), ""),
        lock=lock,
    )
    for ended, setting in ((read, "password"), (written, "client_secret")):
        assert ended.code == 1
        assert "Traceback" not in ended.errors
        [line] = [line for line in ended.errors.splitlines() if "is missing" in line]
        wrong = "cannot be opened" if lock else "has none for service http://127.0.0.1:"
        assert (
            f"The setting {setting} is missing, and the operating system's credential store {wrong}"
        ) in line
    assert pair.control.counters()["sage300"]["calls"] == 0
