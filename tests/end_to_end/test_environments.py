"""A copy of the project that somebody works in: its environments, and the folder that it is in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from meltano.core.plugin_install_service import get_pip_install_args
from meltano.core.project import Project

from sage300_servicenow_sandbox import Sandbox, SandboxOptions
from sage300_servicenow_sandbox.control_client import ControlClient

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Pair

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
RUN = ("run", "--no-install", "sage300-to-servicenow")
"""Without installing: the plugins' environments are those of the real project."""
NIGHTLY = pytest.mark.skipif(os.environ.get("NIGHTLY") != "1", reason="a minute; set NIGHTLY=1")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project in a folder of its own, with the plugins that are installed in the real one."""
    if not (ROOT / ".meltano" / "loaders").exists():
        subprocess.run([PROGRAMS / "meltano", "install"], cwd=ROOT, check=True, capture_output=True)
    folder = tmp_path / "project"
    (folder / "a folder below").mkdir(parents=True)
    shutil.copy(ROOT / "meltano.yml", folder)
    shutil.copytree(ROOT / "plugins", folder / "plugins")
    for kind in ("extractors", "loaders"):
        (folder / ".meltano").mkdir(exist_ok=True)
        (folder / ".meltano" / kind).symlink_to(ROOT / ".meltano" / kind)
    return folder


@pytest.fixture
def other() -> Iterator[Sandbox]:
    """A second instance of ServiceNow, still empty."""
    with Sandbox(SandboxOptions(sage_port=0, servicenow_port=0)) as running:
        yield running


def variables(sandbox: Sandbox, sage: Sandbox, prefix: str = "") -> dict[str, str]:
    """What .env would hold for one environment."""
    return {
        f"{prefix}SAGE300_API_URL": sage.sage_url,
        f"{prefix}SAGE300_COMPANIES": '["SAMINC"]',
        f"{prefix}SAGE300_USERNAME": "INTEGRATION",
        f"{prefix}SAGE300_PASSWORD": "SANDBOX",
        f"{prefix}SERVICENOW_INSTANCE_URL": sandbox.servicenow_url,
        f"{prefix}SERVICENOW_AUTH_METHOD": "oauth_client_credentials",
        f"{prefix}SERVICENOW_CLIENT_ID": "sandbox-client",
        f"{prefix}SERVICENOW_CLIENT_SECRET": "sandbox-secret",
    }


def meltano(folder: Path, settings: dict[str, str], *words: str, programs: Path = PROGRAMS) -> str:
    """Run Meltano in a folder with the variables of .env, and return what it printed."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TAP_", "TARGET_", "SAGE300_", "SERVICENOW_", "MELTANO_", "TEST_"))
    }
    ended = subprocess.run(
        [str(programs / "meltano"), *words],
        cwd=folder,
        env={**inherited, **settings},
        capture_output=True,
        encoding="utf-8",
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_test_and_prod_share_neither_state_nor_ledger(
    pair: Pair, other: Sandbox, project: Path
) -> None:
    """Kind: rows that were loaded into the test instance, and are taken for loaded in production.

    The second run is started in a folder below, whose ledger must be the project's.
    """
    settings = {
        **variables(pair.sandbox, pair.sandbox, "TEST_"),
        **variables(other, pair.sandbox),
    }
    meltano(project, settings, "--environment=test", *RUN)
    assert len(pair.servicenow("proc_vendor")) == 60
    production = ControlClient(other.servicenow_url)
    assert production.rows("proc_vendor") == []

    below = project / "a folder below"
    meltano(below, settings, "--environment=prod", *RUN)
    assert len(production.rows("proc_vendor")) == 60
    for table in ("itfm_gl_accounts", "sn_apo_invoice"):
        assert len(production.rows(table)) == len(pair.servicenow(table)) > 0

    ledgers = {path.relative_to(project).as_posix() for path in project.rglob("*.ledger.sqlite")}
    assert ledgers == {"output/test.ledger.sqlite", "output/prod.ledger.sqlite"}
    listed = meltano(project, settings, "--environment=prod", "state", "list")
    assert set(re.findall(r"\w+:tap-sage300-to-target-servicenow", listed)) == {
        "test:tap-sage300-to-target-servicenow",
        "prod:tap-sage300-to-target-servicenow",
    }


@pytest.mark.parametrize(
    "folder",
    [
        "/srv/sage300",
        "/srv/Müller & Söhne GmbH",
        "/srv/O'Brien (old) #2",
        r"C:\Users\Jürgen\Müller & Söhne GmbH",
        r"D:\new\test\O'Brien",
    ],
)
@pytest.mark.parametrize("plugin", ["tap-sage300", "target-servicenow"])
def test_meltano_installs_the_plugins_from_any_folder(folder: str, plugin: str) -> None:
    """Kind: a path that a shell would take apart, or whose backslashes it would take away."""
    project = Project(ROOT)
    [found] = [one for one in project.plugins.plugins() if one.name == plugin]
    words = get_pip_install_args(project, found, {"MELTANO_PROJECT_ROOT": folder})
    assert words == ["-e", f"{folder}/{plugin}[keyring]"]


@NIGHTLY
def test_the_project_installs_and_runs_in_a_folder_as_people_name_it(
    pair: Pair, tmp_path: Path
) -> None:
    """Kind: the same, all the way: what is installed there, runs there."""
    folder = tmp_path / "Müller & Söhne GmbH"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        encoding="utf-8",
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    subprocess.run(["make", ".meltano/installed"], cwd=folder, check=True, capture_output=True)
    assert (folder / ".meltano").stat().st_mode & 0o077 == 0
    assert (folder / "output").stat().st_mode & 0o077 == 0

    settings = variables(pair.sandbox, pair.sandbox, "TEST_")
    programs = folder / ".venv" / "bin"
    for plugin in ("tap-sage300", "target-servicenow"):
        checked = meltano(
            folder, settings, "--environment=test", "invoke", plugin, "--test", programs=programs
        )
        assert " 0 errors" in checked
    run = ("--environment=test", "run", "sage300-to-servicenow")
    meltano(folder / "docs", settings, *run, programs=programs)
    assert len(pair.servicenow("proc_vendor")) == 60
    assert (folder / "output" / "test.ledger.sqlite").is_file()
