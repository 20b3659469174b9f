"""The executable: exit code, output, and the one sentence of a failure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from conftest import Instance, Singer

EXECUTABLE = Path(sys.executable).parent / "target-servicenow"
SECRET = "hush-hush"


def execute(
    folder: Path, *arguments: str, stdin: bytes = b"", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the executable in a folder, without settings from the environment."""
    folder.mkdir(exist_ok=True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TARGET_SERVICENOW")}
    result = subprocess.run(
        [EXECUTABLE, *arguments],
        input=stdin,
        capture_output=True,
        cwd=folder,
        env={**environment, **variables},
        check=False,
        timeout=60,
    )
    return subprocess.CompletedProcess(
        result.args, result.returncode, result.stdout.decode(), result.stderr.decode()
    )


FAILURES: dict[str, tuple[dict[str, t.Any], str]] = {
    "setting": (
        {"on_long_text": "cut"},
        "The setting on_long_text must be one of reject, truncate",
    ),
    "network": (
        {"instance_url": "http://127.0.0.1:1"},
        (
            "ServiceNow cannot be reached at http://127.0.0.1:1: check instance_url and the "
            "network (attempts: 1); nothing is lost: run again when the instance answers"
        ),
    ),
    "mapping": (
        {"mapping": "no-such.yml"},
        (
            "The setting mapping names 'no-such.yml', which is neither a shipped profile (default) "
            "nor a file that can be read"
        ),
    ),
    "input": (
        {},
        ("Line 1 of the input is not JSON: check that what is piped in is a Singer tap's output"),
    ),
}


def messages(result: subprocess.CompletedProcess[str]) -> list[str]:
    """What was logged above INFO."""
    lines = result.stderr.splitlines()
    return [line.rpartition(" | ")[2] for line in lines if " | INFO " not in line]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_one_sentence(
    instance: Instance, singer: Singer, tmp_path: Path, failure: str
) -> None:
    changes, sentence = FAILURES[failure]
    config = {**instance.config, "client_secret": SECRET, **changes}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    vendors = "".join(f"{json.dumps(m)}\n" for m in singer.vendors(singer.vendor("1")))
    lines = f"client_secret={SECRET}\n" if failure == "input" else vendors
    result = execute(tmp_path, "--config", "config.json", stdin=lines.encode())
    assert messages(result) == [sentence]
    assert (result.returncode, result.stdout) == (1, "")
    assert SECRET not in result.stderr


def test_configuration_files_and_the_environment(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    not_an_object = execute(tmp_path, "--config", "list.json")
    assert (not_an_object.returncode, messages(not_an_object)) == (
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
    assert (good.returncode, messages(good)) == (0, [])
    bad = execute(tmp_path, "--config=ENV", **variables, TARGET_SERVICENOW_WORKERS="two")
    assert (bad.returncode, messages(bad)) == (
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
    assert [name for name, setting in settings.items() if not setting.get("title")] == []
    assert [name for name, setting in settings.items() if not setting.get("description")] == []
    secret = {
        name
        for name, setting in settings.items()
        if setting.get("secret") or setting.get("writeOnly")
    }
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
    config, singer_file = tmp_path / "config.json", tmp_path / "vendors.jsonl"
    config.write_text(json.dumps(instance.config), encoding="utf-8")
    lines = [*singer.vendors(singer.vendor("ü", City="Besançon")), singer.state({"n": 1})]
    text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
    singer_file.write_text(text, encoding="utf-8")
    # The input is read as UTF-8 in any locale.
    result = execute(
        tmp_path, "--config", str(config), "--input", str(singer_file), LC_ALL="C", PYTHONUTF8="0"
    )
    assert (result.returncode, messages(result)) == (0, [])
    assert json.loads(result.stdout) == {"n": 1}
    [row] = instance.rows("proc_vendor")
    assert (row["vendor_number"], row["city"]) == ("ü", "Besançon")
