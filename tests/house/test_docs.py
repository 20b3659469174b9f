"""The pages that people follow: what they name exists, and commands have their Windows forms."""

from __future__ import annotations

import functools
import re
import shlex
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tap_sage300.settings import SCHEMA as TAP
from target_servicenow.command_line import ledger  # with the report
from target_servicenow.settings import SCHEMA as TARGET

if t.TYPE_CHECKING:
    import click

ROOT = Path(__file__).parents[2]
GUIDES = [
    ROOT / "docs" / f"{name}.md"
    for name in (
        "set-up",
        "servicenow-requirements",
        "from-test-to-production",
        "operate",
        "schedule",
        "secrets",
        "rotate-a-password",
    )
]
"""What an administrator follows, on whatever system."""
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / package / "README.md" for package in ("tap-sage300", "target-servicenow", "sandbox")),
]
SETTINGS = {"TAP_SAGE300_": TAP["properties"], "TARGET_SERVICENOW_": TARGET["properties"]}
OF_THE_SDK = ("STREAM_MAPS", "STREAM_MAP_CONFIG")
METRICS = {"http_request_count", "record_count", "sync_duration"}
"""What the SDK calls its metrics."""
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
PROGRAMS = {"meltano", "python", "tap-sage300", "target-servicenow", "make"}
"""They take the same words in every shell."""
POSIX_ALONE = {"cp", "mv", "rm", "tail", "head", "cat", "install", "export", "chmod", "source", "."}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    language: str
    lines: tuple[str, ...]


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, language, tuple(line.strip() for line in body.splitlines() if line.strip()))
        for language, body in FENCED.findall(text)
    ]


def prose(page: Path) -> str:
    return FENCED.sub("", page.read_text(encoding="utf-8"))


@functools.cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return frozenset(
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings
    )


@functools.cache
def words_of_the_product() -> frozenset[str]:
    """Every name in the sources of the packages and in meltano.yml."""
    found: set[str] = set()
    for package in ("tap-sage300", "target-servicenow", "sandbox"):
        for path in (ROOT / package).rglob("*"):
            if path.suffix in {".py", ".yml", ".yaml", ".sql", ".json"}:
                found |= set(re.findall(r"[a-z0-9_]+", path.read_text(encoding="utf-8")))
    return frozenset(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    """Kind: a page or heading that was renamed."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_setting_exists(page: Path) -> None:
    """Kind: a setting, an outcome or a column that was renamed, and a variable that is ignored."""
    text = page.read_text(encoding="utf-8")
    for prefix, settings in SETTINGS.items():
        for name in re.findall(rf"\b{prefix}([A-Z][A-Z0-9_]*)", text):
            assert name in OF_THE_SDK or name.lower() in settings, f"{prefix}{name}"
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    names = set(re.findall(r"^(\w+)=", example, re.MULTILINE))
    for name in re.findall(r"\b(?:TEST_)?(?:SAGE300|SERVICENOW)_[A-Z][A-Z0-9_]*", text):
        assert name in names or any(f"{prefix}" in f"{name}_" for prefix in SETTINGS), name
    named = set(re.findall(r"`([a-z]+(?:_[a-z0-9]+)+)`", prose(page)))
    assert sorted(named - words_of_the_product() - METRICS) == []


def test_the_environment_file_has_what_the_project_asks_for() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    project = (ROOT / "meltano.yml").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\{(\w+)\}", project)) - {"MELTANO_PROJECT_ROOT"}
    assert set(re.findall(r"^(\w+)=", example, re.MULTILINE)) == asked
    environments = [one["name"] for one in yaml.safe_load(project)["environments"]]
    assert environments == ["sandbox", "test", "prod"]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_every_command_has_its_form_for_windows(page: Path) -> None:
    """Kind: cp, tail and quotes that mean nothing in PowerShell or cmd.

    A block marked sh is followed by one for each, unless its words are the same there. Blocks
    marked console are for one system, or need what a fresh clone does not have.
    """
    found = blocks(page)
    assert "" not in {block.language for block in found}
    for number, block in enumerate(found):
        if block.language != "sh":
            continue
        following = [other.language for other in found[number + 1 : number + 3]]
        same = all(is_the_same_in_every_shell(line) for line in block.lines)
        posix_alone = page.stem == "secrets" and block.lines == ("chmod 600 .env",)
        assert same or posix_alone or following == ["powershell", "bat"], block.lines


def is_the_same_in_every_shell(line: str) -> bool:
    return line.split(maxsplit=1)[0] in PROGRAMS and not re.search(r"[\\'\"|<>$&*]", line)


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_blocks_for_windows_are_for_windows(page: Path) -> None:
    for block in blocks(page):
        if block.language not in {"powershell", "bat"}:
            continue
        for line in block.lines:
            line.encode("ascii")
            assert line.split()[0] not in POSIX_ALONE, line
            outside = re.sub(r"cmd /c \".*\"", "", line)
            if block.language == "powershell":
                assert ">" not in outside, f"{line}: PowerShell writes UTF-16"
                assert not line.startswith("set "), line
            else:
                assert not re.match(r"\$|[A-Z]\w+-[A-Z]", line), line
                assert not re.match(r"set \w+='", line), line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_that_commands_name_exist(page: Path) -> None:
    for block in blocks(page):
        if block.language not in {"sh", "powershell", "bat", "console"}:
            continue
        text = " ".join(block.lines).replace("$name", "sage300-to-servicenow-daily")
        text = text.replace("\\", "/").replace("*", "daily")
        for name in re.findall(
            r"(?<![\w/.])(?:examples|schedules|requirements|docs|windows)/[\w./@-]+", text
        ):
            path = ROOT / name
            template = re.sub(r"@\w+\.service$", "@.service", name)
            assert path.exists() or (ROOT / template).exists(), name
        for name in re.findall(r"(?<![\w/])(?:run|install)\.cmd", text):
            assert (ROOT / name).exists() or (ROOT / "windows" / name).exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_ledger_commands_are_as_written(page: Path) -> None:
    """Kind: a command or an option that was renamed."""
    for block in blocks(page):
        for line in block.lines:
            invoked = re.sub(
                r"^meltano .*invoke target-servicenow:", "target-servicenow ledger ", line
            )
            if not invoked.startswith("target-servicenow ledger"):
                continue
            words = shlex.split(invoked.replace("\\", "/"))[2:]
            context = ledger.make_context("ledger", list(words), resilient_parsing=True)
            rest = [*context._protected_args, *context.args]
            command = t.cast("click.Command", ledger.get_command(context, rest[0]))
            assert command is not None, line
            command.make_context(rest[0], rest[1:], parent=context)
