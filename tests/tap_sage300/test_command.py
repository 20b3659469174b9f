"""The installed command: one sentence and exit code 1 for each thing a user can get wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tap_sage300.streams import STREAMS

COMMAND = str(Path(sys.executable).with_name("tap-sage300"))
SECRET = "Hush4Hush"
ALL = [*(stream.entity.name for stream in STREAMS), "Sage300ReadLog"]


@pytest.fixture
def command(helpers, tmp_path):
    def run(*arguments, config=None):
        return helpers.run(*arguments, config=config, folder=tmp_path)

    return run


def sentence(result, *, level="ERROR"):
    """Return the one line that says what went wrong; nothing else may look like a failure."""
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert SECRET not in result.stderr.upper() + result.stdout.upper()
    assert SECRET.upper() not in result.stderr + result.stdout
    (line,) = [line for line in result.stderr.splitlines() if f"| {level}" in line]
    return line.split("| tap-sage300", 1)[1].partition("|")[2].strip()


def test_wrong_password(site, command):
    result = command(config={**site.config, "password": SECRET, "max_retries": 5})
    assert sentence(result) == (
        "Sage 300 refused the user name or password for company SAMINC (HTTP 401, tried once so "
        "that the account is not locked): check the settings username and password, and "
        "credential_case, now upper: upper suits Sage 300 before 2022.2 and simple passwords, "
        "upper_user or as_given the case-sensitive complex passwords since then; ADMIN may not use "
        "the Web API by default, and the user's security group needs the right 'Sage 300 Web API'"
    )
    assert site.control.counters()["sage300"]["by_status"] == {"401": 1}


@pytest.mark.parametrize("mode", [(), ("--discover",)], ids=["sync", "discover"])
def test_unreachable_host(fake_config, command, mode):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/Sage300WebApi"
    result = command(*mode, config={**fake_config, "api_url": url, "password": SECRET})
    assert sentence(result) == (
        f"Sage 300 cannot be reached at {url} (tries: 1): check the setting api_url, the network "
        "and that IIS is running on the server"
    )


@pytest.mark.parametrize(
    ("mode", "module"), [((), "GL"), (("--discover",), "CS")], ids=["sync", "discover"]
)
def test_unknown_company(site, command, mode, module):
    result = command(*mode, config={**site.config, "companies": ["NOWHRE"]})
    assert sentence(result) == (
        f"Sage 300 has no {module}/$metadata for company NOWHRE (HTTP 404): check that the "
        "setting companies holds company database IDs such as SAMINC, and that module "
        f'{module} is active there; Sage 300 says "Resource not found: /Sage300WebApi/v1.0/-/NOWHRE'
        f'/{module}/$metadata"'
    )


@pytest.mark.parametrize("mode", [(), ("--test",)], ids=["sync", "test"])
def test_missing_setting(fake_config, command, mode):
    config = {name: value for name, value in fake_config.items() if name != "api_url"}
    assert sentence(command(*mode, config=config)) == (
        "The setting api_url is missing: give it in the configuration file or as the environment "
        "variable TAP_SAGE300_API_URL"
    )


def test_bad_ca_file(fake_config, command, tmp_path):
    bundle = tmp_path / "ca.pem"
    bundle.write_text("no certificate", encoding="utf-8")
    config = {**fake_config, "ca_bundle": str(bundle), "password": SECRET}
    assert sentence(command(config=config)) == (
        f"The setting ca_bundle names {bundle}, which is not a PEM file of certificates"
    )


@pytest.mark.parametrize("mode", [(), ("--discover",)], ids=["sync", "discover"])
def test_missing_right(fake, fake_config, command, helpers, mode):
    fake.answer = lambda _request: helpers.refusal(403, "Forbidden", "Insufficient\r\nrights")
    result = command(*mode, config={**fake_config, "password": SECRET})
    module = "CS" if mode else "GL"
    assert sentence(result) == (
        "User reader may not read $metadata in company SAMINC (HTTP 403): tick the right 'Sage "
        f"300 Web API' for module {module} in the user's security group; ADMIN is refused by "
        'default; Sage 300 says "Insufficient rights"'
    )


def test_password_nowhere(fake_config, command, monkeypatch):
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    config = {name: value for name, value in fake_config.items() if name != "password"}
    assert sentence(command(config=config)) == (
        "The setting password is missing, and the operating system's credential store has none for "
        f"service {fake_config['api_url']} and user reader: give the setting, or store the "
        "password there, as the account that runs the tap"
    )


@pytest.mark.parametrize(
    ("files", "arguments", "words"),
    [
        (
            {},
            ["--config", "no.json"],
            "Configuration file no.json cannot be read: name a JSON file with the settings",
        ),
        (
            {"c.json": "[1]"},
            ["--config", "c.json"],
            (
                "Configuration file c.json is not a JSON object: write the settings into it as "
                '{"api_url": "...", ...}'
            ),
        ),
        (
            {"c.json": "OK", "s.json": "{"},
            ["--config", "c.json", "--state", "s.json"],
            "The state file s.json is not JSON: give the last state as it was written",
        ),
        (
            {"c.json": "OK", "s.json": "\x80"},
            ["--config", "c.json", "--catalog", "s.json"],
            (
                "The catalog file s.json is not in UTF-8 but seems to be in a Windows code page "
                "such as Windows-1252: save it as UTF-8"
            ),
        ),
    ],
    ids=["absent", "list", "state", "catalog"],
)
def test_bad_files(fake_config, command, tmp_path, monkeypatch, files, arguments, words):  # noqa: PLR0917
    monkeypatch.chdir(tmp_path)
    for name, text in files.items():
        content = json.dumps(fake_config) if text == "OK" else text
        (tmp_path / name).write_text(content, encoding="latin-1")
    assert sentence(command(*arguments)) == words


@pytest.mark.parametrize(
    ("variable", "text", "kind"),
    [("PAGE_SIZE", "many", "a whole number"), ("VERIFY_SSL", "perhaps", "true or false")],
)
def test_a_variable_that_cannot_be_read(fake_config, command, monkeypatch, variable, text, kind):  # noqa: PLR0917
    monkeypatch.setenv(f"TAP_SAGE300_{variable}", text)
    result = command("--config", "ENV", config=fake_config)
    assert sentence(result) == (
        f"The setting {variable.lower()} must be {kind} "
        f"(environment variable TAP_SAGE300_{variable})"
    )


def test_a_stream_map_that_cannot_be_used(fake_config, command):
    maps = {"APVendors": {"VendorNumber": None}}
    result = command(config={**fake_config, "stream_maps": maps})
    assert sentence(result).startswith("The setting stream_maps cannot be used: ")


def test_settings_from_the_environment(site, command, monkeypatch):
    for name, value in site.config.items():
        text = json.dumps(value) if isinstance(value, list) else str(value)
        monkeypatch.setenv(f"TAP_SAGE300_{name.upper()}", text)
    result = command("--config", "ENV")
    assert result.returncode == 0
    assert result.stdout.count('"RECORD"') > 100


def test_a_setting_nobody_knows_is_named(site, command):
    result = command(config={**site.config, "pagesize": 5, "batch_config": {}})
    assert result.returncode == 0
    assert "The setting pagesize is not known to tap-sage300: ignored" in result.stderr
    assert '"BATCH"' not in result.stdout


def test_a_run_cut_short_by_the_budget_ends_cleanly(site, command):
    result = command(config={**site.config, "max_calls_per_run": 1})
    assert result.returncode == 0
    assert result.stderr.count("(max_calls_per_run) are spent") == 1


def test_discovery_needs_neither_settings_nor_server(command):
    result = command("--discover")
    assert result.returncode == 0
    streams = {entry["tap_stream_id"]: entry for entry in json.loads(result.stdout)["streams"]}
    assert list(streams) == ALL
    assert streams["APInvoiceBatches"]["key_properties"] == ["CompanyID", "BatchNumber"]
    assert streams["GLAccounts"]["replication_key"] == "DateCreated"


def test_about(command):
    about = json.loads(command("--about", "--format", "json").stdout)
    assert set(about["capabilities"]) == {
        "catalog",
        "state",
        "discover",
        "test",
        "about",
        "stream-maps",
        "structured-logging",
    }
    settings = about["settings"]["properties"]
    assert settings["password"]["secret"] is True
    assert "batch_config" not in settings
    assert not [name for name in settings if name.startswith("flattening")]
    assert all(setting.get("title") and setting.get("description") for setting in settings.values())


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_terminated_run_leaves_whole_lines_and_says_so(fake, fake_config, helpers, tmp_path):
    row = {"VendorNumber": "0", "DateLastMaintained": None}

    def answer(request):
        last = request.args.get("$filter", "'0'").split("'")[1]
        return helpers.page([{**row, "VendorNumber": f"{int(last) + 1:06}"}])

    fake.answer = answer
    config, catalog = tmp_path / "config.json", tmp_path / "catalog.json"
    config.write_text(json.dumps({**fake_config, "page_size": 1}), encoding="utf-8")
    catalog.write_text(json.dumps(helpers.only("APVendors")), encoding="utf-8")
    with subprocess.Popen(
        [COMMAND, "--config", str(config), "--catalog", str(catalog)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as tap:
        lines = [tap.stdout.readline() for _ in range(20)]
        os.kill(tap.pid, signal.SIGTERM)
        rest, log = tap.communicate(timeout=30)
    assert tap.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in log
    assert "Ended by SIGTERM" in log
    messages = [json.loads(line) for line in [*lines, *rest.splitlines()]]
    states = [m["value"] for m in messages if m["type"] == "STATE"]
    keys = [m["record"]["VendorNumber"] for m in messages if m["type"] == "RECORD"]
    (part,) = states[-1]["bookmarks"]["APVendors"]["partitions"]
    assert part["resume"]["last_key"] in keys[-2:]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_a_reader_that_ends_early_gets_no_traceback(site, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps(site.config), encoding="utf-8")
    with subprocess.Popen(
        [COMMAND, "--config", str(config)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as tap:
        tap.stdout.readline()
        tap.stdout.close()
        log = tap.stderr.read().decode()
        deadline = time.monotonic() + 30
        while tap.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
    assert tap.returncode == 1
    assert "Traceback" not in log
