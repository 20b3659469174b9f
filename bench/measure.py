"""What the benchmarks share: a sandbox of a given size, and the cost of a command."""

from __future__ import annotations

import fcntl
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import termios
import time
import typing as t
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sage300_servicenow_sandbox.control_client import ControlClient

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

BIN = Path(sys.executable).parent
MEBIBYTE = 2**20
POLL_SECONDS = 0.001

# Modules are compiled once, as they are where these packages are installed for good.
_COMPILED = tempfile.TemporaryDirectory()
_ENVIRONMENT = {
    **{name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "PYTHONPYCACHEPREFIX": _COMPILED.name,
}


@dataclass(frozen=True)
class Cost:
    """The cost of a command: wall and processor time in seconds, peak memory in bytes."""

    wall: float
    processor: float
    peak: int


@dataclass(frozen=True)
class Systems:
    """A sandbox in a process of its own."""

    sage: str
    servicenow: str

    @property
    def control(self) -> ControlClient:
        """Its control endpoints."""
        return ControlClient(self.servicenow)

    def tap(self, folder: Path, **settings: t.Any) -> list[str | Path]:
        """Return the tap's command line for these systems."""
        config = {
            "api_url": self.sage,
            "companies": ["SAMINC"],
            "username": "INTEGRATION",
            "password": "SANDBOX",
            "min_call_interval_ms": 0,
            "max_calls_per_run": 100_000,
            **settings,
        }
        return [BIN / "tap-sage300", "--config", written(folder / "tap.json", config)]

    def target(self, folder: Path, **settings: t.Any) -> list[str | Path]:
        """Return the target's command line for these systems."""
        config = {
            "instance_url": self.servicenow,
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
            "ledger_path": str(folder / "ledger.sqlite"),
            **settings,
        }
        return [BIN / "target-servicenow", "--config", written(folder / "target.json", config)]


def written(path: Path, content: t.Any) -> Path:
    """Write JSON to a file and return its path."""
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@contextmanager
def systems(**options: object) -> Iterator[Systems]:
    """Run a sandbox; the names are those of the options of ``sandbox up``."""
    given = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    command: list[str | Path] = [
        BIN / "sandbox",
        "up",
        "--sage-port=0",
        "--servicenow-port=0",
        *given,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        try:
            sage, servicenow = re.findall(r"http://[^\s,]+", process.stdout.readline())
            yield Systems(sage, servicenow)
        finally:
            process.terminate()


# A process begins with the peak of memory of the one that made it, so a small one makes them all.
_RUN = """
import json, os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[2:])
_, status, used = os.wait4(process.pid, 0)
wall = time.perf_counter() - started
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump([wall, used.ru_utime + used.ru_stime, used.ru_maxrss], file)
process.returncode = os.waitstatus_to_exitcode(status)
sys.exit(process.returncode)
"""


def cost(
    command: Sequence[str | Path], *, reads: Path | None = None, writes: Path | None = None
) -> Cost:
    """Run a command and say what it cost.

    Raises:
        RuntimeError: it failed; with the last line it said.
    """
    with (
        (reads or Path(os.devnull)).open("rb") as stdin,
        (writes or Path(os.devnull)).open("wb") as stdout,
        tempfile.TemporaryDirectory() as folder,
    ):
        told = Path(folder) / "cost.json"
        ended = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _RUN, told, *command],
            check=False,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=_ENVIRONMENT,
        )
        if ended.returncode:
            said = ended.stderr.decode().splitlines() or [""]
            raise RuntimeError(f"{command[0]} failed: {said[-1]}")
        wall, processor, peak = json.loads(told.read_text(encoding="utf-8"))
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(wall, processor, peak * unit)


IMPORT_ONLY = [sys.executable, "-c", "import singer_sdk"]
"""What every tap and target of the SDK begins with."""
START_UP_ROUNDS = 15


def start_up(what: str, seconds: Callable[[], float]) -> None:
    """Print the row about a start, beside the import of the SDK; the two take turns."""
    imports, starts = [], []
    for _ in range(START_UP_ROUNDS):
        imports.append(cost(IMPORT_ONLY).wall)
        starts.append(seconds())
    ratio = statistics.median(starts) / statistics.median(imports)
    row(what, f"{ratio:.2f}", "<= 1.30", met=ratio <= 1.3)  # noqa: PLR2004


def until_written(command: Sequence[str | Path], start: bytes) -> float:
    """Return the seconds until a command has written a line that starts so, and end it.

    Raises:
        RuntimeError: It wrote none.
    """
    began = time.perf_counter()
    with _running(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        for line in process.stdout:
            if line.startswith(start):
                return time.perf_counter() - began
    raise RuntimeError(f"{command[0]} wrote no line with {start.decode()}")


def until_read(command: Sequence[str | Path], line: bytes) -> float:
    """Return the seconds until a command has taken a line from its standard input, and end it."""
    began = time.perf_counter()
    with _running(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None  # noqa: S101 - it was asked for
        process.stdin.write(line)
        process.stdin.flush()
        while _waiting(process.stdin.fileno()) and process.poll() is None:
            time.sleep(POLL_SECONDS)
        return time.perf_counter() - began


@contextmanager
def _running(command: Sequence[str | Path], **pipes: t.Any) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=_ENVIRONMENT, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def _waiting(pipe: int) -> int:
    """Return the bytes in a pipe that nobody has taken yet."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def median(costs: Sequence[Cost]) -> Cost:
    """Return the median of each figure."""
    return Cost(
        statistics.median(c.wall for c in costs),
        statistics.median(c.processor for c in costs),
        round(statistics.median(c.peak for c in costs)),
    )


def row(what: str, measured: str, target: str, *, met: bool) -> None:
    """Print a line of the table."""
    print(f"{what:<64} {measured:>12} {target:>10}  {'' if met else 'MISSED'}", flush=True)
