"""``--requirements``: what an administrator of ServiceNow creates, from the mapping."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
from click.testing import CliRunner

from target_servicenow.target import TargetServiceNow

if t.TYPE_CHECKING:
    from conftest import Instance

PAGE = Path(__file__).parents[2] / "docs" / "servicenow-requirements.md"
TYPES = {
    "String": {"string", "url"},
    "Choice": {"string"},
    "Integer": {"integer"},
    "Decimal": {"decimal"},
    "True/False": {"boolean"},
    "Date": {"glide_date"},
}


def printed(folder: Path, settings: dict[str, t.Any] | None = None) -> tuple[int, str]:
    """The exit code of ``--requirements``, and what it prints."""
    options = ["--requirements"]
    if settings is not None:
        path = folder / "target.json"
        path.write_text(json.dumps(settings), encoding="utf-8")
        options += ["--config", str(path)]
    result = CliRunner().invoke(TargetServiceNow.get_singer_command(), options)
    return result.exit_code, result.stdout


def cells(page: str) -> dict[str, dict[str, list[str]]]:
    """The columns of a page by table and name: type, length or places, choices, origin."""
    tables = {}
    for part in re.split(r"^### ", page, flags=re.MULTILINE)[1:]:
        name, _, rest = part.partition("\n")
        rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", rest, re.MULTILINE)
        tables[name] = {column: [cell.strip() for cell in row.split("|")] for column, row in rows}
    return tables


def test_it_needs_no_instance_and_is_the_page(tmp_path: Path) -> None:
    """Kind: a page that says something else than the command."""
    code, text = printed(tmp_path)
    assert code == 0
    assert text == PAGE.read_text(encoding="utf-8")
    for words in (
        "`proc_vendor`, `sn_apo_invoice` and `sn_apo_invoice_line` are in no public ServiceNow",
        "1. Create the property: enter `sys_properties.list`",
        "`glide.oauth.inbound.client.credential.grant_type.enabled`",
        ".service-now.com/oauth_token.do",
        "| read, create, write | query_match: `correlation_id`; query_range: `correlation_id` |",
    ):
        assert words in text


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on this machine")
def test_its_commands_try_the_token(instance: Instance, tmp_path: Path) -> None:
    """Kind: a command that an administrator copies, and that does not work."""
    issue, read = re.findall(r"^ *(curl .+)$", printed(tmp_path)[1], re.MULTILINE)

    def curl(command: str, token: str = "") -> dict[str, t.Any]:
        for name, value in {
            "YOUR_CLIENT_ID": "sandbox-client",
            "YOUR_CLIENT_SECRET": "sandbox-secret",
            "YOUR_ACCESS_TOKEN": token,
            "https://YOUR_INSTANCE.service-now.com": instance.sandbox.servicenow_url,
        }.items():
            command = command.replace(name, value)
        program, *words = shlex.split(command)
        ended = subprocess.run(
            [t.cast("str", shutil.which(program)), "--silent", "--noproxy", "*", *words],
            capture_output=True,
            check=True,
            timeout=30,
        )
        answer: dict[str, t.Any] = json.loads(ended.stdout)
        return answer

    token = curl(issue)["access_token"]
    assert curl(read, token) == {"result": []}


def test_every_column_is_one_that_the_check_accepts(instance: Instance, tmp_path: Path) -> None:
    """Kind: a list that an administrator follows, and a check that then complains."""
    tables = cells(printed(tmp_path)[1])
    assert tables.keys() == {*instance.tables}
    dictionary = {(row["name"], row["element"]): row for row in instance.rows("sys_dictionary")}
    choices: dict[tuple[str, str], set[str]] = {}
    for row in instance.rows("sys_choice"):
        choices.setdefault((row["name"], row["element"]), set()).add(row["value"])
    for table, columns in tables.items():
        for name, (kind, size, listed, _) in columns.items():
            entry = dictionary[table, name]
            if kind.startswith("Reference to "):
                assert f"Reference to `{entry['reference']}`" == kind
            elif not kind.startswith("as "):
                assert entry["internal_type"] in TYPES[kind]
            if size.isdigit():
                assert int(entry["max_length"]) >= int(size)
            elif size:
                assert entry["attributes"] == size
            assert {*re.findall(r"`(\w+)`", listed)} == choices.get((table, name), set())


def test_it_follows_the_overrides(tmp_path: Path) -> None:
    overrides = {
        "tables": {
            "proc_vendor": {
                "source_column": "u_source",
                "source_length": 60,
                "adopt_by": None,
                "when_gone": {"u_gone": "true"},
                "columns": {
                    "u_limit": {
                        "value": "CreditLimit",
                        "type": "currency",
                        "currency": "CurrencyCode",
                        "places": 3,
                    },
                    "fax": None,
                },
            },
            "cmn_cost_center": None,
            "sn_apo_invoice_line": None,
            "sn_apo_invoice": None,
        }
    }
    code, text = printed(tmp_path, {"mapping_overrides": overrides, "workers": "wrong, unread"})
    assert code == 0
    assert "`proc_vendor` is in no public ServiceNow documentation." in text
    assert "sn_apo_invoice" not in text
    assert "| `proc_vendor` | read, create, write | query_match: `u_source` |" in text
    tables = cells(text)
    assert tables.keys() == {"itfm_gl_accounts", "proc_vendor"}
    vendor = tables["proc_vendor"]
    assert vendor["u_source"] == ["String", "60", "", "the source identifier"]
    assert vendor["u_limit"] == ["Currency", "scale=3", "", "`CreditLimit`"]
    assert vendor["u_gone"] == ["as `true` needs it", "", "", "set once the record is gone"]
    assert "fax" not in vendor


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"mapping": "nowhere.yml"},
            (
                "The setting mapping names 'nowhere.yml', which is neither a shipped profile "
                "(default) nor a file that can be read"
            ),
        ),
        ({"mapping_overrides": "proc_vendor"}, "The setting mapping_overrides must be an object"),
    ],
)
def test_a_mapping_that_cannot_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, settings: dict[str, t.Any], sentence: str
) -> None:
    assert printed(tmp_path, settings) == (1, "")
    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == [sentence]
