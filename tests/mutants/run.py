"""Break one guard after the other, and see whether its tests notice.

A guard is a line that only matters on a bad day, so a test that passes without it proves nothing.
`mutants.yml` lists them: one line of the product each, what to write instead, and the tests that
must fail then. Each is tried in a copy of the work tree.

    python tests/mutants/run.py                 all of them
    python tests/mutants/run.py lock signal     those whose name holds one of the words
    python tests/mutants/run.py --check         only whether each still fits the code
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import click
import yaml

ROOT = Path(__file__).parents[2]
PACKAGES = ("tap-sage300", "target-servicenow", "sandbox")
NOT_COPIED = (".*", "__pycache__", "output", "*.sqlite*")
PATIENCE = 240
"""Seconds after which the tests of a mutant that do not end have noticed it, too."""
WHOLE_PATIENCE = 1800
"""The same of all tests without any."""

PASSED, FAILED = 0, 1  # pytest's exit codes; any other means that nothing was tested


@dataclass(frozen=True)
class Mutant:
    """A guard, and what is written in its place.

    Attributes:
        name: What goes wrong without the guard.
        file: Where it stands.
        old: A part of one line, found once in the file; lines around it may help to find it.
        new: What is written instead.
        tests: The tests that must fail then.
    """

    name: str
    file: str
    old: str
    new: str
    tests: list[str]

    def problem(self) -> str:
        """Why it does not fit the code; empty when it does."""
        path = ROOT / self.file
        found = path.read_text(encoding="utf-8").count(self.old) if path.is_file() else 0
        missing = [test for test in self.tests if not (ROOT / test.partition("::")[0]).is_file()]
        if found != 1:
            return f"{self.file} holds {self.old!r} {found} times: it must be there once"
        before, after = self.old.splitlines(), self.new.splitlines()
        if len(before) != len(after) or sum(map(str.__ne__, before, after)) != 1:
            return "it must change one line"
        if missing or not self.tests:
            return f"its tests are not there: {', '.join(missing) or 'it names none'}"
        return ""

    def text(self) -> str:
        """The file's text with the guard broken."""
        return (ROOT / self.file).read_text(encoding="utf-8").replace(self.old, self.new)


class Copy:
    """A copy of the work tree, in which tests are run."""

    def __init__(self, folder: str) -> None:
        self.root = Path(folder) / "tree"
        shutil.copytree(ROOT, self.root, ignore=shutil.ignore_patterns(*NOT_COPIED))
        # A change of the same length within a second would be hidden by a compiled module.
        self._environment = {
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(str(self.root / package) for package in PACKAGES),
        }

    def run(self, tests: t.Iterable[str], patience: float) -> tuple[int, str]:
        """Run tests until one fails; pytest's exit code and what it printed."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        with subprocess.Popen(
            command,
            cwd=self.root,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        ) as running:
            try:
                printed, _ = running.communicate(timeout=patience)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                return FAILED, "did not end"
        return running.returncode, printed

    def meet(self, mutant: Mutant) -> tuple[int, str]:
        """Run the tests of a mutant on it."""
        path = self.root / mutant.file
        whole = path.read_text(encoding="utf-8")
        path.write_text(mutant.text(), encoding="utf-8")
        try:
            return self.run(mutant.tests, PATIENCE)
        finally:
            path.write_text(whole, encoding="utf-8")


def load() -> list[Mutant]:
    """The list."""
    text = (Path(__file__).parent / "mutants.yml").read_text(encoding="utf-8")
    return [Mutant(**mutant) for mutant in yaml.safe_load(text)]


@click.command()
@click.argument("words", nargs=-1)
@click.option("--check", is_flag=True, help="Only tell whether each still fits the code.")
def main(*, words: tuple[str, ...], check: bool) -> None:
    """Run the tests of the mutants whose name holds one of the WORDS, or of all."""
    mutants = [m for m in load() if not words or any(word in m.name for word in words)]
    problems = [f"{mutant.name}: {why}" for mutant in mutants if (why := mutant.problem())]
    if problems or not mutants:
        raise click.ClickException("\n".join(problems) or "no mutant has such a name")
    if not check:
        try_all(mutants)


def try_all(mutants: t.Sequence[Mutant]) -> None:
    """Try mutants side by side, and end with exit code 1 if one survives."""
    workers = min(os.cpu_count() or 1, len(mutants))
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(workers):
            copies.put(Copy(f"{folder}/{number}"))

        def attempt(mutant: Mutant | None) -> tuple[int, str, float]:
            copy, began = copies.get(), time.monotonic()
            try:
                every = sorted({test for each in mutants for test in each.tests})
                code, printed = copy.meet(mutant) if mutant else copy.run(every, WHOLE_PATIENCE)
            finally:
                copies.put(copy)
            return code, printed, time.monotonic() - began

        with ThreadPoolExecutor(workers) as pool:
            # A test that fails anyway would kill every mutant.
            whole = pool.submit(attempt, None)
            results = [(mutant, pool.submit(attempt, mutant)) for mutant in mutants]
            survivors = 0
            for mutant, result in results:
                code, printed, seconds = result.result()
                fate = {PASSED: "SURVIVED", FAILED: "killed"}.get(code, "NOT TESTED")
                survivors += fate != "killed"
                click.echo(f"{fate:<10}  {seconds:5.1f} s  {mutant.name}")
                if fate == "NOT TESTED":
                    click.echo(printed)
            code, printed, _ = whole.result()
    if code != PASSED:
        raise click.ClickException(f"the tests fail without any mutation:\n{printed}")
    click.echo(f"{len(mutants) - survivors} of {len(mutants)} mutants were killed")
    sys.exit(bool(survivors))


if __name__ == "__main__":
    main()
