"""The schedules that ship for cron, systemd and Windows, against those of meltano.yml."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import typing as t
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "schedules"
TASKS = sorted(FOLDER.glob("*.xml"))
TASK = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
MELTANO = "--environment=prod schedule run"


@pytest.fixture(scope="module")
def schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(Path(__file__).with_name("task.xsd"))


@pytest.fixture(scope="module")
def intervals() -> dict[str, str]:
    """The schedules of meltano.yml, by name."""
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    return {one["name"]: one["interval"] for one in project["schedules"]}


def text_of(path: Path) -> str:
    return path.read_bytes().decode("ascii")


@pytest.mark.parametrize("path", TASKS, ids=lambda path: path.stem)
def test_a_task_is_valid_and_reads_alike_in_every_encoding(
    schema: xmlschema.XMLSchema, path: Path
) -> None:
    """Kind: a task that schtasks or Register-ScheduledTask refuses to import."""
    schema.validate(text_of(path))
    assert not text_of(path).startswith("<?xml")


@pytest.mark.parametrize(
    ("pattern", "wrong"),
    [
        ("<Enabled>.*?</Enabled>(.*?)(<StartBoundary>.*?</StartBoundary>)", r"\2\1<Enabled/>"),
        ("T02:00:00", "T2:00"),
        ("IgnoreNew", "Refuse"),
        ("PT12H", "12 hours"),
        ('Context="Integration"', 'Context="Author"'),
        ("<Command>cmd.exe</Command>", ""),
        (">Password<", ">ServiceAccount<"),
    ],
)
def test_the_schema_refuses_what_windows_would(
    schema: xmlschema.XMLSchema, pattern: str, wrong: str
) -> None:
    text, changes = re.subn(pattern, wrong, text_of(TASKS[0]), flags=re.DOTALL)
    assert changes
    assert not schema.is_valid(text)


def test_every_schedule_is_the_same_everywhere(intervals: dict[str, str]) -> None:
    """Kind: a shipped schedule that was forgotten when meltano.yml changed."""
    assert [path.stem for path in TASKS] == sorted(intervals)
    of_cron: dict[str, str] = {}
    for line in (FOLDER / "crontab").read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(rf"((?:\S+ +){{4}}\S+) .*{MELTANO} (\S+) .*", line):
            of_cron[found[2]] = " ".join(found[1].split())
    assert of_cron == intervals
    assert {path.stem: moments(path) for path in TASKS} == {
        name: cron_moments(interval) for name, interval in intervals.items()
    }
    assert {
        f"sage300-to-servicenow-{path.stem.partition('@')[2]}": timer_moments(path)
        for path in FOLDER.glob("*.timer")
    } == {name: cron_moments(interval) for name, interval in intervals.items()}


def test_no_two_schedules_start_together(intervals: dict[str, str]) -> None:
    starts = [start for interval in intervals.values() for start in cron_moments(interval)[1]]
    assert len(starts) == len(set(starts))


@pytest.mark.parametrize("path", TASKS, ids=lambda path: path.stem)
def test_a_task_starts_what_is_there(path: Path) -> None:
    """The account is given when the task is created, and the secrets are that account's."""
    task = ElementTree.fromstring(text_of(path))
    words = shlex.split(found(task, "Actions/Exec/Arguments"))
    assert words[:3] == ["/d", "/c", "run.cmd"]
    assert (ROOT / "run.cmd").is_file()
    assert " ".join(words[3:7]) == f"{MELTANO} {path.stem}"
    assert found(task, "Principals/Principal/LogonType") == "Password"
    assert task.find(f".//{TASK}UserId") is None


def test_systemd_takes_the_units() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    units = [FOLDER / "sage300-to-servicenow@.service", *FOLDER.glob("*.timer")]
    checked = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, encoding="utf-8", check=False
    )
    complaints = [line for line in checked.stderr.splitlines() if "is not executable" not in line]
    assert complaints == []


Moments = tuple[frozenset[int], frozenset[tuple[int, int]]]
"""Days of the month, and times of the day."""
EVERY_DAY = frozenset(range(1, 32))


def numbers(text: str, *, span: str = "-") -> frozenset[int]:
    """Read 1-5,28 and the like."""
    values: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition(span)
        values |= set(range(int(first), int(last or first) + 1))
    return frozenset(values)


def hours(text: str) -> range:
    first, _, step = text.replace("*", "0").partition("/")
    return range(int(first), 24 if step else int(first) + 1, int(step or 1))


def cron_moments(interval: str) -> Moments:
    minute, hour, day, month, weekday = interval.split()
    assert (month, weekday) == ("*", "*")
    days = EVERY_DAY if day == "*" else numbers(day)
    return days, frozenset((h, int(minute)) for h in hours(hour))


def timer_moments(path: Path) -> Moments:
    [when] = re.findall(
        r"^OnCalendar=\*-\*-(\S+) (\S+):(\d+):00$", path.read_text("utf-8"), re.MULTILINE
    )
    days = EVERY_DAY if when[0] == "*" else numbers(when[0], span="..")
    return days, frozenset((h, int(when[2])) for h in hours(when[1]))


def moments(path: Path) -> Moments:
    """When a task of Windows starts."""
    task = ElementTree.fromstring(text_of(path))
    trigger = t.cast("ElementTree.Element", task.find(f".//{TASK}CalendarTrigger"))
    hour, minute = map(int, found(trigger, "StartBoundary")[11:16].split(":"))
    days = [int(day.text or 0) for day in trigger.iter(f"{TASK}Day")]
    every = trigger.find(f"{TASK}Repetition/{TASK}Interval")
    if every is None:
        return frozenset(days) or EVERY_DAY, frozenset({(hour, minute)})
    assert found(trigger, "Repetition/Duration") == "P1D"
    assert len(list(t.cast("ElementTree.Element", trigger.find(f".//{TASK}Months")))) == 12
    step = int(re.sub(r"PT(\d+)H", r"\1", str(every.text)))
    return frozenset(days), frozenset((h, minute) for h in range(hour, 24, step))


def found(element: ElementTree.Element, path: str) -> str:
    text = element.findtext("/".join(f"{TASK}{name}" for name in path.split("/")))
    assert text is not None, path
    return text
