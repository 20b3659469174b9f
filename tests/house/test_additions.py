"""A stream and a table added in a copy of the project: what it takes, and what it leaves alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_LINES = 20
"""Changed lines outside the schema file, the generated tables of the READMEs included."""

STREAM = '''
class APPaymentCodes(Sage300Stream):
    """Codes of the ways to pay."""

    selected_by_default = False
    entity = Entity("APPaymentCodes", module="AP", keys=("PaymentCode",), date="DateLastMaintained")

'''
SCHEMA = {
    "type": "object",
    "properties": {
        "CompanyID": {"type": "string"},
        "PaymentCode": {"type": "string"},
        "Description": {"type": ["string", "null"]},
        "DateLastMaintained": {"type": ["string", "null"], "format": "date-time"},
    },
}
TABLE = """\
  u_vendor_group:
    optional: true
    stream: APVendorGroups
    identity: {entity: VendorGroup, company: CompanyID, key: [GroupCode]}
    columns: {name: "first(Description, GroupCode)", code: GroupCode, company_code: CompanyID}
"""
SANDBOX_TABLE = """\
  u_vendor_group:
    label: Vendor group
    display: name
    columns: {name: {label: Name}, code: {label: Code}, company_code: {label: Company code}, correlation_id: {label: Correlation ID, max_length: 100}}
"""  # noqa: E501 - YAML on one line
TESTS = (
    "tests/end_to_end/test_fields.py",
    "tests/sandbox/test_fidelity.py",
    "tests/tap_sage300/test_config.py",
    "tests/tap_sage300/test_discovery.py",
    "tests/target_servicenow/pure",
    "tests/target_servicenow/test_preflight.py",
)
"""Those that go through all streams or all tables; every test, nightly."""

PIPE = """
import json, sys
from pathlib import Path
from subprocess import PIPE, Popen, run

from sage300_servicenow_sandbox import Sandbox, SandboxOptions
from sage300_servicenow_sandbox.control_client import ControlClient

folder, bin = Path(sys.argv[1]), Path(sys.executable).parent
with Sandbox(SandboxOptions(sage_port=0, servicenow_port=0, vendors=1, accounts=1)) as sandbox:
    tap = {"api_url": sandbox.sage_url, "companies": ["SAMINC"], "username": "INTEGRATION",
           "password": "SANDBOX", "min_call_interval_ms": 0}
    target = {"instance_url": sandbox.servicenow_url, "client_id": "sandbox-client",
              "client_secret": "sandbox-secret", "ledger_path": str(folder / "ledger.sqlite")}
    for name, config in (("tap", tap), ("target", target)):
        (folder / f"{name}.json").write_text(json.dumps(config), encoding="utf-8")
    found = run([bin / "tap-sage300", "--config", folder / "tap.json", "--discover"],
                stdout=PIPE, check=True)
    catalog = json.loads(found.stdout)
    catalog["streams"] = [s for s in catalog["streams"] if s["tap_stream_id"] == "APVendorGroups"]
    for entry in catalog["streams"][0]["metadata"]:
        if not entry["breadcrumb"]:
            entry["metadata"]["selected"] = True
    (folder / "catalog.json").write_text(json.dumps(catalog), encoding="utf-8")
    reading = [bin / "tap-sage300", "--config", folder / "tap.json",
               "--catalog", folder / "catalog.json"]
    with Popen(reading, stdout=PIPE) as read:
        run([bin / "target-servicenow", "--config", folder / "target.json"], stdin=read.stdout,
            stdout=PIPE, check=True)
    control = ControlClient(sandbox.sage_url)
    print(json.dumps([control.records("SAMINC", "APVendorGroups"), control.rows("u_vendor_group")]))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with one more stream and one more table, generated pages renewed."""
    folder = tmp_path_factory.mktemp("copy")
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "before")

    tap = folder / "tap-sage300" / "tap_sage300"
    target = folder / "target-servicenow" / "target_servicenow"
    tables = folder / "sandbox" / "sage300_servicenow_sandbox" / "servicenow" / "tables.yml"
    streams = tap / "streams.py"
    text = streams.read_text(encoding="utf-8")
    before, declared, after = text.partition("\nSTREAMS: ")
    first, comma, rest = after.partition("    APVendorGroups,\n")
    text = f"{before}{STREAM}{declared}{first}    APPaymentCodes,\n{comma}{rest}"
    streams.write_text(text, encoding="utf-8")
    schema = tap / "schemas" / "APPaymentCodes.json"
    schema.write_text(json.dumps(SCHEMA, indent=2) + "\n", encoding="utf-8")
    for path, added in (
        (target / "mapping" / "profiles" / "default.yml", TABLE),
        (tables, SANDBOX_TABLE),
    ):
        with path.open("a", encoding="utf-8") as file:
            file.write(added)
    run(folder, "plugins/generate.py")
    run(folder, "plugins/generate.py", "--check")
    return folder


def git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=folder, check=True, capture_output=True, encoding="utf-8"
    ).stdout


def run(folder: Path, *words: str) -> str:
    """Run Python in the copy, with the copy's packages before those that are installed."""
    packages = [str(folder / name) for name in ("tap-sage300", "target-servicenow", "sandbox")]
    ended = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        check=False,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(packages)},
    )
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-4000:]
    return ended.stdout


def test_it_takes_few_lines(copy: Path) -> None:
    git(copy, "add", "--all")
    changed = [line.split("\t") for line in git(copy, "diff", "--cached", "--numstat").splitlines()]
    lines = {name: int(added) + int(gone) for added, gone, name in changed}
    assert lines.pop("tap-sage300/tap_sage300/schemas/APPaymentCodes.json")
    assert lines.pop("docs/servicenow-requirements.md")  # made from the mapping, a line a column
    assert not [name for name in lines if name.startswith("tests/")]
    assert {"README.md", "tap-sage300/README.md"} <= lines.keys()
    assert sum(lines.values()) <= MOST_LINES, lines


def test_no_other_test_minds(copy: Path) -> None:
    nightly = os.environ.get("NIGHTLY") == "1"
    tests: t.Sequence[str] = (
        ("tests", "--ignore=tests/house/test_additions.py") if nightly else TESTS
    )
    printed = run(copy, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests)
    assert " passed" in printed


def test_its_rows_arrive(copy: Path, tmp_path: Path) -> None:
    groups, rows = json.loads(run(copy, "-c", PIPE, str(tmp_path)).splitlines()[-1])
    assert len(groups) > 1
    assert {row["correlation_id"]: (row["code"], row["name"]) for row in rows} == {
        f"sage300:SAMINC:VendorGroup:{group['GroupCode']}": (
            group["GroupCode"],
            group["Description"],
        )
        for group in groups
    }
