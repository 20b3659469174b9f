"""The executable: how it ends, and the one sentence it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

EXECUTABLE = Path(sys.executable).parent / "target-servicenow"
SECRET = "hush-hush"
ADVICE = "check that what is piped in is a Singer tap's output"


def execute(
    folder: Path, *arguments: str, given: bytes = b"", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the executable in an empty folder, with no settings from the outside."""
    folder.mkdir(exist_ok=True)
    outside = {k: v for k, v in os.environ.items() if not k.startswith("TARGET_SERVICENOW")}
    result = subprocess.run(
        [EXECUTABLE, *arguments],
        input=given,
        capture_output=True,
        cwd=folder,
        env={**outside, **variables},
        check=False,
        timeout=60,
    )
    return subprocess.CompletedProcess(
        result.args, result.returncode, result.stdout.decode(), result.stderr.decode()
    )


RECORD = b'{"type": "RECORD", "stream": "APVendors", "record": {"VendorNumber": "1"}}\n'
FAULTS: dict[str, tuple[dict[str, t.Any], bytes | None, str]] = {
    "a missing setting": (
        {"client_id": None},
        b"",
        "The setting client_id is missing: auth_method oauth_client_credentials needs it",
    ),
    "a value that is none": (
        {"mode": "apply", "on_long_text": "cut"},
        b"",
        "The setting on_long_text must be one of reject, truncate",
    ),
    "no such CA file": (
        {"ca_bundle": "no-such.pem"},
        b"",
        "The setting ca_bundle names no-such.pem, which is not a PEM file of certificates",
    ),
    "a CA file that is none": (
        {"ca_bundle": "config.json"},
        b"",
        "The setting ca_bundle names config.json, which is not a PEM file of certificates",
    ),
    "an unreachable host": (
        {"instance_url": "http://127.0.0.1:1"},
        None,
        (
            "ServiceNow cannot be reached at http://127.0.0.1:1: check instance_url and the "
            "network (attempts: 1); nothing is lost: run again when the instance answers"
        ),
    ),
    "a wrong password": (
        {"auth_method": "basic", "username": "integration"},
        None,
        (
            "ServiceNow does not accept the credentials for reading the mapped tables: check "
            "client_id and client_secret (or username and password), and that the integration user "
            "is active"
        ),
    ),
    "no such mapping": (
        {"mapping": "no-such.yml"},
        b"",
        (
            "Setting mapping: 'no-such.yml' is neither a shipped profile (default) nor a file that "
            "can be read"
        ),
    ),
    "no JSON": ({}, b"client_secret=hush-hush\n", f"Line 1 of the input is not JSON: {ADVICE}"),
    "a record before its schema": (
        {},
        RECORD,
        f"Line 1 of the input is a RECORD of stream APVendors before any SCHEMA of it: {ADVICE}",
    ),
}


@pytest.fixture
def endings(
    instance: Instance, singer: Singer, tmp_path: Path
) -> dict[str, subprocess.CompletedProcess[str]]:
    """All faults tried, side by side since each takes a second to start."""
    vendors = "".join(f"{json.dumps(m)}\n" for m in singer.vendors(singer.vendor("1"))).encode()

    def tried(name: str) -> subprocess.CompletedProcess[str]:
        changes, given, _ = FAULTS[name]
        folder = tmp_path / name
        folder.mkdir()
        secrets = {"client_secret": SECRET, "password": SECRET, "ledger_path": "ledger.sqlite"}
        config = {**instance.config, **secrets, **changes}
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return execute(folder, "--config", "config.json", given=vendors if given is None else given)

    with ThreadPoolExecutor(4) as pool:
        return dict(zip(FAULTS, pool.map(tried, FAULTS), strict=True))


def sentences(result: subprocess.CompletedProcess[str]) -> list[str]:
    """What was said besides the course of things."""
    return [
        line.rpartition(" | ")[2] for line in result.stderr.splitlines() if " | INFO " not in line
    ]


def test_a_fault_is_one_sentence(
    endings: dict[str, subprocess.CompletedProcess[str]], subtests: pytest.Subtests
) -> None:
    for name, result in endings.items():
        with subtests.test(name):
            assert sentences(result) == [FAULTS[name][2]]
            assert (result.returncode, result.stdout) == (1, "")
            assert SECRET not in result.stderr


def test_configuration_files_and_the_environment(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    no_json = execute(tmp_path, "--config", "list.json")
    assert (no_json.returncode, sentences(no_json)) == (
        1,
        [
            (
                "Configuration file list.json is not a JSON object: write the settings into it as "
                '{"instance_url": "...", ...}'
            )
        ],
    )
    variables = {
        "TARGET_SERVICENOW_INSTANCE_URL": "http://127.0.0.1:1",
        "TARGET_SERVICENOW_CLIENT_ID": "c",
        "TARGET_SERVICENOW_CLIENT_SECRET": SECRET,
    }
    good = execute(tmp_path, "--config=ENV", **variables)
    assert (good.returncode, sentences(good)) == (0, [])
    bad = execute(tmp_path, "--config=ENV", **variables, TARGET_SERVICENOW_WORKERS="two")
    assert (bad.returncode, sentences(bad)) == (
        1,
        [
            (
                "The setting workers must be a whole number (environment variable "
                "TARGET_SERVICENOW_WORKERS)"
            )
        ],
    )
    assert SECRET not in good.stderr + bad.stderr


def test_about_describes_every_setting(tmp_path: Path) -> None:
    result = execute(tmp_path, "--about", "--format", "json")
    assert result.returncode == 0
    about = json.loads(result.stdout)
    assert about["name"] == "target-servicenow"
    settings = about["settings"]["properties"]
    assert {"instance_url", "mapping", "ledger_path", "workers", "stream_maps"} <= settings.keys()
    assert [name for name, one in settings.items() if not one.get("title")] == []
    assert [name for name, one in settings.items() if not one.get("description")] == []
    secret = {name for name, one in settings.items() if one.get("secret") or one.get("writeOnly")}
    assert secret == {"client_id", "client_secret", "password"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "text"),
    [("--help", "Usage: target-servicenow"), ("--version", "target-servicenow v")],
)
def test_help_and_version(tmp_path: Path, option: str, text: str) -> None:
    result = execute(tmp_path, option)
    assert result.returncode == 0
    assert result.stdout.startswith(text)


def test_input_from_a_file(instance: Instance, singer: Singer, tmp_path: Path) -> None:
    config, given = tmp_path / "config.json", tmp_path / "vendors.jsonl"
    config.write_text(json.dumps(instance.config), encoding="utf-8")
    lines = [*singer.vendors(singer.vendor("ü", City="Besançon")), singer.state({"n": 1})]
    text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
    given.write_text(text, encoding="utf-8")
    # A locale that is not UTF-8 must not change what is read.
    result = execute(
        tmp_path, "--config", str(config), "--input", str(given), LC_ALL="C", PYTHONUTF8="0"
    )
    assert (result.returncode, sentences(result)) == (0, [])
    assert json.loads(result.stdout) == {"n": 1}
    [row] = instance.rows("proc_vendor")
    assert (row["vendor_number"], row["city"]) == ("ü", "Besançon")
