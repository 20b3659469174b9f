"""The command `sandbox up` as a process: ready line, clean end, and what it refuses."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import fields

import pytest
import requests

from sage300_servicenow_sandbox import SandboxOptions
from sage300_servicenow_sandbox.cli import main
from sage300_servicenow_sandbox.control_client import ControlClient
from sage300_servicenow_sandbox.sage.resources import RESOURCES

COMMAND = [sys.executable, "-c", "from sage300_servicenow_sandbox.cli import main; main()", "up"]
SMALL = ["--vendors", "5", "--accounts", "44", "--batches", "6"]
FREE_PORTS = ["--sage-port", "0", "--servicenow-port", "0"]


@contextmanager
def _running(*arguments):
    """Start the command; yield the process and its first line; end the process if need be."""
    process = subprocess.Popen(
        [*COMMAND, *SMALL, *FREE_PORTS, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        yield process, process.stdout.readline()
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=20)


def _urls(line):
    return re.findall(r"http://127\.0\.0\.1:\d+(?:/\w+)?", line)


def test_the_ready_line_has_all_that_a_client_needs():
    with _running("--company", "SAMINC", "--company", "SAMLTD") as (_, line):
        sage, servicenow = _urls(line)
        for company in ("SAMINC", "SAMLTD"):
            answer = requests.get(
                f"{sage}/v1.0/-/{company}/AP/APVendors", auth=("INTEGRATION", "SANDBOX")
            )
            assert len(answer.json()["value"]) == 5
        assert requests.get(f"{servicenow}/api/now/table/proc_vendor").status_code == 401
    assert "INTEGRATION" in line
    assert "SANDBOX" in line
    assert "sandbox-client" in line
    size = f"5 vendors, 6 batches, 44 accounts and {len(RESOURCES) - 3} other resources"
    assert f" SAMINC: {size}; SAMLTD: {size}. Stop with Ctrl-C." in line
    assert "continued" not in line


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a process can catch")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_even_with_a_connection_open(number):
    with _running() as (process, line), requests.Session() as session:
        session.get(_urls(line)[0])
        process.send_signal(number)
        rest, errors = process.communicate(timeout=20)
        assert process.returncode == 0
        assert rest == errors == ""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a process can catch")
def test_data_are_kept_in_the_directory_and_reported_as_continued(tmp_path):
    data = tmp_path / "new" / "data"
    with _running("--data", str(data)) as (process, line):
        control = ControlClient(_urls(line)[0])
        control.edit("SAMINC", "APVendors", "1010", VendorName="Kept")
        row = control.insert_row("proc_vendor", name="Kept")
        process.terminate()
        process.communicate(timeout=20)
    again = ("--data", str(data), "--vendors", "50", "--company", "SAMINC", "--company", "NEW")
    with _running(*again) as (_, line):
        control = ControlClient(_urls(line)[0])
        vendors, rows = control.records("SAMINC", "APVendors"), control.rows("proc_vendor")
    assert [vendor["VendorName"] for vendor in vendors][1] == "Kept"
    assert "SAMINC (continued): 5 vendors, 6 batches, " in line
    assert "NEW: 50 vendors, " in line
    assert rows == [row]


def _fail(*arguments):
    done = subprocess.run(
        [*COMMAND, *SMALL, *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.strip().splitlines()[-1]


def _refused(capsys, *arguments):
    """Run the command in this process, as it starts nothing; return its error output."""
    with pytest.raises(SystemExit) as ended:
        main(["up", *arguments])
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.out == ""
    assert "Traceback" not in said.err
    return " ".join(said.err.split())


@pytest.mark.parametrize("option", ["--sage-port", "--servicenow-port"])
def test_a_port_in_use_is_one_sentence(option):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, sentence = _fail(*FREE_PORTS, option, port)
    assert code == 1
    assert sentence.startswith(f"Error: Cannot listen on 127.0.0.1:{port}: ")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--host", "0.0.0.0"), "loopback"),
        (("--host", "example.com"), "loopback"),
        (("--company", "saminc"), "company ID"),
        (("--company", "TOOLONGID"), "company ID"),
        (("--vendors", "0"), "--vendors"),
        (("--batches", "many"), "--batches"),
        (("--sage-port", "70000"), "--sage-port"),
    ],
)
def test_a_wrong_option_is_one_sentence(capsys, arguments, part):
    assert part in _refused(capsys, *FREE_PORTS, *arguments)


def test_a_directory_with_other_data_is_one_sentence(tmp_path):
    (tmp_path / "sage300.sqlite").write_bytes(b"no database" * 500)
    code, sentence = _fail(*FREE_PORTS, "--data", str(tmp_path))
    assert code == 1
    assert str(tmp_path) in sentence


def test_a_fault_plan_from_a_file_is_followed(tmp_path):
    plan = tmp_path / "faults.yml"
    plan.write_text(
        "seed: 7\nrules:\n  - {fault: error, status: 503, path: APVendors, first: 1}\n",
        encoding="utf-8",
    )
    with _running("--faults", str(plan), "--log-size", "1") as (_, line):
        sage = _urls(line)[0]
        url = f"{sage}/v1.0/-/SAMINC/AP/APVendors"
        statuses = [
            requests.get(url, auth=("INTEGRATION", "SANDBOX")).status_code for _ in range(2)
        ]
        log = ControlClient(sage).log()
    assert statuses == [503, 200]
    assert [entry["number"] for entry in log] == [2]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("rules: [{fault: burn}]", "rules[0].fault: invalid enum value 'burn'"),
        ("rules: [", "cannot be used as a fault plan: while parsing"),
        ("- drop", "Invalid fault plan: expected `object`, got `array`"),
        (None, "No such file"),
    ],
)
def test_a_fault_plan_that_cannot_be_read_is_one_sentence(tmp_path, capsys, content, sentence):
    plan = tmp_path / "faults.yml"
    if content is not None:
        plan.write_text(content, encoding="utf-8")
    assert sentence in _refused(capsys, "--faults", str(plan))


def test_https_is_served_with_the_certificate_that_the_ready_line_names(tmp_path):
    with _running("--tls", "--data", str(tmp_path)) as (_, line):
        assert f"Trusted certificate: {tmp_path / 'certificate.pem'}." in line
        url = re.findall(r"https://127\.0\.0\.1:\d+/\w+", line)[0]
        answer = requests.get(url, verify=tmp_path / "certificate.pem")
    assert answer.status_code == 401


def test_the_clock_starts_at_the_day_asked_for_and_runs_on_from_it():
    with _running("--start", "2026-03-31") as (_, line):
        control = ControlClient(_urls(line)[0])
        assert control.set_clock(None).startswith("2026-03-31T00:0")
        control.set_clock("2030-01-01T00:00:00Z")
        assert control.set_clock(None).startswith("2026-03-31T00:0")


def test_every_option_is_an_option_of_the_command():
    options = {parameter.name: parameter for parameter in main.commands["up"].params}
    assert options.keys() == {field.name for field in fields(SandboxOptions)}
    assert all(parameter.help for parameter in options.values())
