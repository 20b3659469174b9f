"""The Makefile's promises about what it keeps, and what it asks before it installs anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
MAKE = shutil.which("make")
KEPT = (
    ".env",
    ".meltano/meltano.db",
    ".meltano/meltano.db-wal",
    "output/prod.ledger.sqlite",
    "output/prod.ledger.sqlite-wal",
    "output/sandbox.ledger.sqlite",
    "output/state.json",
    "output/sage300-to-servicenow-daily.log",
    "meltano.yml",
)
"""The audit trail, the state, settings and logs: nothing can make them again."""
MADE_AGAIN = (
    ".venv/bin/python",
    ".meltano/installed",
    ".meltano/extractors/tap-sage300/venv/pyvenv.cfg",
    ".meltano/loaders/target-servicenow/venv/pyvenv.cfg",
    ".meltano/run/tap-sage300/tap.config.json",
    "output/demo/ledger.sqlite",
    "output/demo.json",
    "dist/windows-kit/uv.exe",
    ".mypy_cache/CACHEDIR.TAG",
)

pytestmark = pytest.mark.skipif(MAKE is None, reason="make is not installed")


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    inherited = {n: v for n, v in os.environ.items() if not n.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        [str(MAKE), *words],
        cwd=folder,
        env=inherited,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What make needs of the project."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    for package in ("tap-sage300", "target-servicenow", "sandbox"):
        (tmp_path / package).mkdir()
        shutil.copy(ROOT / package / "pyproject.toml", tmp_path / package)
    return tmp_path


def test_clean_keeps_ledgers_and_state(project: Path) -> None:
    """Kind: a command that tidies up, and takes the audit trail with it."""
    for name in (*KEPT, *MADE_AGAIN):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("content", encoding="utf-8")
    cleaned = make(project, "clean")
    assert cleaned.returncode == 0, cleaned.stderr
    assert [name for name in KEPT if not (project / name).exists()] == []
    assert [name for name in MADE_AGAIN if (project / name).exists()] == []


@pytest.fixture
def python_of(tmp_path: Path) -> Callable[[str], str]:
    """An interpreter that says it is of another version, and notes what it was asked to run."""

    def written(version: str) -> str:
        script = tmp_path / f"python-{version}"
        parts = ", ".join(version.split("."))
        script.write_text(
            "\n".join(
                (
                    f"#!{sys.executable}",
                    "import runpy, sys",
                    f"open({str(tmp_path / 'asked')!r}, 'a').write(sys.argv[1] + '\\n')",
                    f"sys.version_info = ({parts})",
                    "sys.argv = sys.argv[1:]",
                    "sys.argv[0] == '-m' or runpy.run_path(sys.argv[0])",
                )
            ),
            encoding="utf-8",
        )
        script.chmod(0o755)
        return str(script)

    return written


@pytest.mark.parametrize("version", ["2.7.18", "3.9.2", "3.10.14", "3.15.0"])
def test_a_python_that_will_not_do_is_told_before_anything_is_installed(
    project: Path, python_of: Callable[[str], str], version: str
) -> None:
    """Kind: a failure deep in the installation, on a server whose Python is that of the system."""
    made = make(project, "install", f"PYTHON={python_of(version)}")
    assert made.returncode != 0
    told = [line for line in made.stderr.splitlines() if not line.startswith("make")]
    assert len(told) == 1
    assert told[0].startswith("Python 3.11 to 3.14 is needed, and ")
    assert f" is Python {version}. Nothing was installed: " in told[0]
    assert (project / "asked").read_text("utf-8").split() == ["requirements/check_python.py"]
    assert not (project / ".venv").exists()


@pytest.mark.parametrize("version", ["3.11.0", "3.14.9"])
def test_a_python_that_will_do_goes_on(
    project: Path, python_of: Callable[[str], str], version: str
) -> None:
    make(project, "install", f"PYTHON={python_of(version)}")
    assert (project / "asked").read_text("utf-8").split()[:2] == [
        "requirements/check_python.py",
        "-m",
    ]


def test_the_versions_are_those_of_the_packages() -> None:
    check = (ROOT / "requirements" / "check_python.py").read_text(encoding="utf-8")
    found = re.search(r"OLDEST = \(3, (\d+)\)\nNEWEST = \(3, (\d+)\)", check)
    assert found is not None
    bound = f">=3.{found[1]},<3.{int(found[2]) + 1}"
    assert f"Python 3.{found[1]} to 3.{found[2]} is needed" in check
    for package in ("tap-sage300", "target-servicenow", "sandbox"):
        manifest = tomllib.loads((ROOT / package / "pyproject.toml").read_text(encoding="utf-8"))
        assert manifest["project"]["requires-python"] == bound
