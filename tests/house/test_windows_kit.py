"""The folder for Windows servers without a network, and the commands in it."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
import typing as t
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
COMMANDS = (ROOT / "run.cmd", ROOT / "windows" / "install.cmd")
UV = Path(sys.executable).with_name("uv")


@pytest.fixture(scope="module")
def make_kit() -> t.Any:
    spec = importlib.util.spec_from_file_location("make_kit", ROOT / "windows" / "make_kit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses looks for their module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def locked(make_kit: t.Any) -> list[t.Any]:
    """What the kit has a wheel of."""
    return make_kit.needed(make_kit.pins(make_kit.LOCK.read_text(encoding="utf-8")))


def test_the_kit_has_what_a_run_needs_and_no_tools(make_kit: t.Any, locked: list[t.Any]) -> None:
    """Kind: a dependency that was added to a plugin, and is missing where there is no network."""
    names = {pin.name for pin in locked}
    for package in make_kit.PACKAGES:
        manifest = tomllib.loads((ROOT / package / "pyproject.toml").read_text(encoding="utf-8"))
        project = manifest["project"]
        wanted = [
            *project["dependencies"],
            *project["optional-dependencies"]["keyring"],
            *manifest["build-system"]["requires"],
        ]
        assert {canonicalize_name(Requirement(text).name) for text in wanted} <= names, package
    assert not names & {"pytest", "ruff", "mypy", "hypothesis", "psycopg-binary", "trustme"}
    assert all(pin.hashes for pin in locked)


def test_the_markers_are_those_of_windows(make_kit: t.Any, locked: list[t.Any]) -> None:
    """Kind: the credential store of another system, chosen where the kit was built."""
    by_python = {
        python: {pin.name for pin in make_kit.on_windows(locked, python)}
        for python in ("3.11", "3.13")
    }
    assert by_python["3.13"] < by_python["3.11"]
    assert "backports-tarfile" in by_python["3.11"] - by_python["3.13"]
    for names in by_python.values():
        assert {"pywin32-ctypes", "tzdata"} <= names
        assert not {"secretstorage", "jeepney"} & names


@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_the_registry_has_a_wheel_of_each_with_its_hash(
    make_kit: t.Any, locked: list[t.Any], tmp_path: Path, python: str
) -> None:
    """Kind: a package that would have to be compiled on the server.

    The registry is asked for what Windows would choose; nothing is downloaded but metadata. With
    ``NIGHTLY``, the kit itself is built instead.
    """
    listed = tmp_path / "requirements.txt"
    listed.write_text(make_kit.requirements(locked), encoding="utf-8")
    resolved = subprocess.run(
        [
            *(str(UV), "pip", "install", "--dry-run", "--no-config"),
            *("--python-platform=x86_64-pc-windows-msvc", f"--python-version={python}"),
            *("--only-binary=:all:", "--require-hashes", f"--requirement={listed}"),
            f"--target={tmp_path}",
        ],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    if "error sending request" in resolved.stderr or "Failed to fetch" in resolved.stderr:
        pytest.skip("the package registry cannot be reached")
    assert resolved.returncode == 0, resolved.stderr
    chosen = {
        canonicalize_name(n) for n in re.findall(r"^ \+ (\S+)==", resolved.stderr, re.MULTILINE)
    }
    assert chosen == {pin.name for pin in make_kit.on_windows(locked, python)}


def test_a_missing_wheel_is_noticed(make_kit: t.Any, locked: list[t.Any], tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "requirements.txt").write_text(make_kit.requirements(locked), encoding="utf-8")
    with pytest.raises(subprocess.CalledProcessError):
        make_kit.check(tmp_path, "3.13")


@pytest.mark.skipif(os.environ.get("NIGHTLY") != "1", reason="downloads 85 MB; set NIGHTLY=1")
def test_the_kit_is_whole(make_kit: t.Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kit = tmp_path / "kit"
    monkeypatch.setattr(make_kit, "KIT", kit)
    make_kit.main()
    assert (kit / "uv.exe").read_bytes()[:2] == b"MZ"
    assert {"install.cmd", "run.cmd", "meltano.yml", ".env.example"} <= {
        path.name for path in kit.iterdir()
    }
    wheels = [path.name for path in (kit / "wheels").iterdir()]
    others = [n for n in wheels if not re.search(r"-(win_amd64|any)\.whl$", n)]
    assert (len(wheels) > 100, others) == (True, [])


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.name)
def test_a_command_is_what_cmd_can_read(path: Path) -> None:
    """Kind: labels that cmd.exe skips for other line ends, and letters of another code page."""
    content = path.read_bytes()
    content.decode("ascii")
    assert content.count(b"\r\n") == content.count(b"\n") > 10
    text = content.decode("ascii").replace("\r\n", "\n")
    assert text.startswith("@echo off\n")
    assert 'cd /d "%~dp0" ||' in text, "the folder may have blanks, and an ampersand"
    assert "set PYTHONUTF8=1\n" in text
    assert set(re.findall(r"goto (\w+)", text)) == set(re.findall(r"^:(\w+)", text, re.MULTILINE))


def test_the_commands_name_what_is_in_the_kit(make_kit: t.Any) -> None:
    text = COMMANDS[1].read_text(encoding="ascii")
    assert set(re.findall(r"-e (\S+)", text)) == set(make_kit.PACKAGES)
    minimum, maximum = make_kit.PYTHONS[0], make_kit.PYTHONS[-1]
    bound = f"cpython>={minimum},<3.{int(maximum.partition('.')[2]) + 1}"
    assert text.count(bound) == 2
    for package in make_kit.PACKAGES:
        manifest = tomllib.loads((ROOT / package / "pyproject.toml").read_text(encoding="utf-8"))
        assert manifest["project"]["requires-python"] == bound.removeprefix("cpython")
