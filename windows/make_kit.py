"""Builds dist/windows-kit: what a Windows server without a network needs besides Python.

Run by ``make windows-kit``. The folder has uv.exe, a wheel of each package that a run needs for
each Python that the project supports, the project itself without the sandbox, and two commands:
install.cmd and run.cmd. The versions and hashes are those of requirements/dev.txt, less the tools
that only developers use.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import typing as t
import zipfile
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements" / "dev.txt"
KIT = ROOT / "dist" / "windows-kit"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PACKAGES = ("tap-sage300", "target-servicenow")
PARENTS = (
    "tap-sage300 (tap-sage300/pyproject.toml)",
    "target-servicenow (target-servicenow/pyproject.toml)",
)
"""The project's own packages, as the lock file names them."""
ROOTS = ("meltano", "keyring", "uv", "hatchling", "editables")
"""What else a run needs. Meltano installs the plugins from their folders: hatchling builds them."""
FOLDERS = (*PACKAGES, "plugins", "requirements", "docs", "examples", "schedules")
FILES = ("README.md", "meltano.yml", ".env.example", "run.cmd", "windows/install.cmd")
UV_SETTINGS = """\
# All packages come from the folder beside this file; no registry is asked.
no-index = true
find-links = ["./wheels"]
"""


@dataclass(frozen=True)
class Pin:
    """A package of the lock file.

    Attributes:
        requirement: Its name and version, with the marker of the systems that need it.
        hashes: Of every wheel and source archive of that version, as pip writes them.
        needed_by: The packages and manifests that need it.
    """

    requirement: Requirement
    hashes: tuple[str, ...]
    needed_by: frozenset[str]

    @property
    def name(self) -> str:
        """The package's name, as names are compared."""
        return str(canonicalize_name(self.requirement.name))


def pins(lock: str) -> list[Pin]:
    """Return the packages of a lock file that ``uv pip compile --generate-hashes`` wrote."""
    found = []
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock):
        head, *rest = block.splitlines()
        if head.startswith("#"):
            continue
        lines = [line.strip(" \\") for line in rest]
        found.append(
            Pin(
                Requirement(head.strip(" \\")),
                tuple(line for line in lines if line.startswith("--hash=")),
                frozenset(
                    parent
                    for line in lines
                    if line.startswith("#")
                    and (parent := line.removeprefix("#").strip().removeprefix("via").strip())
                ),
            )
        )
    return found


def needed(locked: Iterable[Pin]) -> list[Pin]:
    """Return the packages that a run needs, and those that they need in turn."""
    left, wanted = list(locked), set(PARENTS)
    kept: list[Pin] = []
    while more := [pin for pin in left if pin.name in ROOTS or pin.needed_by & wanted]:
        kept += more
        wanted |= {pin.name for pin in more}
        left = [pin for pin in left if pin not in more]
    return sorted(kept, key=lambda pin: pin.name)


def on_windows(locked: Iterable[Pin], python: str) -> list[Pin]:
    """Return the packages whose markers hold on 64-bit Windows with this Python, such as 3.13."""
    system = {
        "implementation_name": "cpython",
        "os_name": "nt",
        "platform_machine": "AMD64",
        "platform_python_implementation": "CPython",
        "platform_system": "Windows",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "win32",
    }
    return [
        pin
        for pin in locked
        if pin.requirement.marker is None or pin.requirement.marker.evaluate(system)
    ]


def requirements(locked: Iterable[Pin], *, markers: bool = True) -> str:
    """Return packages as a requirements file with hashes."""
    lines = []
    for pin in locked:
        named = f"{pin.requirement.name}{pin.requirement.specifier}"
        head = str(pin.requirement) if markers else named
        lines.append(" \\\n    ".join((head, *pin.hashes)))
    return "\n".join(lines) + "\n"


def download(locked: Sequence[Pin], python: str, wheels: Path) -> None:
    """Download the wheels of one Python, whose hashes are checked; none may be missing."""
    listed = wheels / f"{python}.txt"
    listed.write_text(requirements(on_windows(locked, python), markers=False), encoding="utf-8")
    _run(
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"),
        *("--no-deps", "--require-hashes", "--only-binary=:all:", f"--requirement={listed}"),
        *("--platform=win_amd64", "--implementation=cp", f"--python-version={python}"),
        f"--dest={wheels}",
    )
    listed.unlink()


def check(kit: Path, python: str) -> None:
    """Resolve what install.cmd will install, from the folder of wheels alone."""
    with tempfile.TemporaryDirectory() as nothing_installed:
        _run(
            *(str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--dry-run"),
            *("--no-cache", "--no-config", "--no-index", f"--find-links={kit / 'wheels'}"),
            *("--python-platform=x86_64-pc-windows-msvc", f"--python-version={python}"),
            *("--only-binary=:all:", "--require-hashes", f"--target={nothing_installed}"),
            f"--requirement={kit / 'requirements.txt'}",
        )


def copy_project(kit: Path) -> None:
    """Copy what a run needs of the project; install.cmd comes to the top, beside run.cmd."""
    leave = shutil.ignore_patterns("__pycache__", "*.egg-info", "dist", ".*")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, kit / name, ignore=leave)
    for name in FILES:
        shutil.copy(ROOT / name, kit)


def extract_uv(kit: Path) -> None:
    """Take uv.exe out of its wheel, since nothing else is there to install anything with."""
    [wheel] = (kit / "wheels").glob("uv-*-win_amd64.whl")
    with zipfile.ZipFile(wheel) as archive:
        [member] = [name for name in archive.namelist() if name.endswith("/uv.exe")]
        (kit / "uv.exe").write_bytes(archive.read(member))


def main() -> None:
    """Build the kit anew."""
    locked = needed(pins(LOCK.read_text(encoding="utf-8")))
    shutil.rmtree(KIT, ignore_errors=True)
    wheels = KIT / "wheels"
    wheels.mkdir(parents=True)
    copy_project(KIT)
    (KIT / "requirements.txt").write_text(requirements(locked), encoding="utf-8", newline="\n")
    (KIT / "uv.toml").write_text(UV_SETTINGS, encoding="utf-8", newline="\n")
    for python in PYTHONS:
        download(locked, python, wheels)
        check(KIT, python)
    extract_uv(KIT)
    size = sum(path.stat().st_size for path in KIT.rglob("*") if path.is_file())
    count = len(list(wheels.iterdir()))
    print(f"{KIT}: {count} wheels, {size / 1e6:.0f} MB. Copy it to the server.")


def _run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603 - pip and uv of this environment


if __name__ == "__main__":
    main()
