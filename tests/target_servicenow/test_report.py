"""``ledger report``: the page in a real browser, its figures against the ledger, its file."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import typing as t
from contextlib import closing
from decimal import Decimal

import pytest
from click.testing import CliRunner

from target_servicenow.ledger.entries import Entry
from target_servicenow.ledger.writer import LedgerWriter
from target_servicenow.money import Money
from target_servicenow.outcomes import COUNTED
from target_servicenow.report.page import LARGEST
from target_servicenow.target import TargetServiceNow

if t.TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result
    from conftest import Instance, Singer
    from playwright.sync_api import Page

MARKUP = "<img src=x onerror=console.error(1)></script><script>console.error(2)</script>"
LONG = "Unbroken" * 12
LOG = "Sage300ReadLog"
NONE = "\N{EN DASH}"


def report(ledger: Path, out: Path) -> Result:
    command = TargetServiceNow.get_singer_command()
    words = ["ledger", "--ledger", str(ledger), "report", "--out", str(out)]
    return CliRunner().invoke(command, words)


def written(ledger: Path, out: Path) -> Path:
    result = report(ledger, out)
    assert (result.exit_code, result.output) == (0, f"{out} was written: open it in a browser\n")
    return out


@pytest.fixture
def show(tab: Page, tmp_path: Path) -> t.Iterator[t.Callable[[Path], Page]]:
    """Make the report of a ledger and open it as a file; it asks for nothing but itself."""
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    out = tmp_path / "report.html"

    def show(ledger: Path) -> Page:
        tab.goto(written(ledger, out).as_uri())
        return tab

    yield show
    assert {url for url in asked if not url.startswith("data:")} == {out.as_uri()}


def event(singer: Singer, number: int, **properties: t.Any) -> dict[str, t.Any]:
    head = {"CompanyID": "", "RunID": "r", "EventNumber": number}
    return singer.record(LOG, {**head, **properties})


@pytest.fixture
def night(instance: Instance, singer: Singer) -> Instance:
    """A first load, and a night with a change, a refusal, rows that wait and a tap's log."""

    def invoice(vendor: str, amount: str, code: str, **more: str) -> dict[str, str]:
        return {
            "VendorNumber": vendor,
            "DocumentTotalIncludingTax": amount,
            "CurrencyCode": code,
            **more,
        }

    vendors = [singer.vendor("1", VendorName=MARKUP), singer.vendor("2", City="Delft")]
    batch = singer.batch(
        7,
        invoice("1", "1000.10", "CAD"),
        invoice("2", "234.5", "CAD", DocumentType="CreditNote"),
        invoice("2", "7", "EUR"),
    )
    assert instance.run([*singer.vendors(*vendors), *singer.batches(batch)]).code == 0
    instance.behave(
        business_rules=[
            {"table": "proc_vendor", "action": "refuse", "when": "vendor_number=3", "message": "No"}
        ]
    )
    assert (
        instance.run(
            [
                singer.stream_schema(LOG, {}, ["RunID", "EventNumber"]),
                *singer.vendors(
                    singer.vendor("2", City="Gouda", VendorName=LONG),
                    singer.vendor("3", VendorName=MARKUP),
                    singer.vendor("4", StartDate="soon"),
                    singer.vendor(""),
                ),
                *singer.batches(
                    singer.batch(
                        8, invoice("3", "12345678901234567.891", "CAD"), invoice("1", "1", "CAD")
                    )
                ),
                event(singer, 1, Event="retry"),
                event(singer, 2, Event="read", Stream="APVendors", CompanyID="B", IsWhole=False),
                event(
                    singer, 3, Event="run_ended", Status="budget_spent", Calls=1234, CallsLeft=66
                ),
            ]
        ).code
        == 0
    )
    return instance


def cells(page: Page, section: str) -> dict[str, list[str]]:
    """A table: the cells of each line by what stands at its head."""
    lines = page.locator(f"#{section} tbody tr")
    return {
        " ".join(line.locator("th").inner_text().split()): line.locator("td").all_inner_texts()
        for line in lines.all()
    }


def number(text: str) -> str:
    return "0" if text == NONE else text.replace(",", "")


def test_its_figures_are_those_of_the_ledger(
    night: Instance, show: t.Callable[[Path], Page]
) -> None:
    page = show(night.ledger)
    outcomes = [outcome.value for outcome in COUNTED]
    counts = {(table, outcome): rows for table, outcome, rows in night.query(
        'SELECT "table", outcome, rows FROM counts WHERE run = 2 AND rows'
    )}  # fmt: skip
    shown = {
        (line.split()[-1], outcome): int(number(cell))
        for line, found in cells(page, "outcomes").items()
        for outcome, cell in zip(outcomes, found, strict=True)
        if cell != NONE
    }
    assert shown == counts
    money = {(line.split()[0], outcome): Decimal(number(cell))
             for line, found in cells(page, "money").items()
             for outcome, cell in zip(outcomes, found, strict=True)
             if cell != NONE}  # fmt: skip
    kept = night.query("SELECT currency, outcome, amount FROM amounts WHERE run = 2 AND rows")
    assert money == {(currency, outcome): Decimal(amount) for currency, outcome, amount in kept}
    assert money["CAD", "held"] == Decimal("12345678901234567.891")
    figures = dict(
        zip(
            page.locator(".figures dt").all_inner_texts(),
            page.locator(".figures dd").all_inner_texts(),
            strict=True,
        )
    )
    [(calls,)] = night.query("SELECT calls FROM runs WHERE run = 2")
    assert figures == {
        "changed": "2",
        "unchanged": "0",
        "need you": "3",
        "wait for others": "1",
        "calls to ServiceNow": str(calls),
        "calls to Sage 300, 66 left": "1,234",
    }
    groups = page.locator("details.group .number").all_inner_texts()
    waiting = dict(night.query("SELECT cause, COUNT(*) FROM rejects GROUP BY cause"))
    assert waiting == {"refused": 1, "record": 2, "reference": 1}
    assert groups == ["2", "1", "1 12,345,678,901,234,567.891 CAD"]  # what needs a person first
    page.click("text=The runs in numbers")
    runs = cells(page, "runs")
    assert runs.keys() == {"1", "2"}
    assert runs["2"][-4:] == ["2", "4", "1,234", str(calls)]


def test_it_says_first_what_to_do(night: Instance, show: t.Callable[[Path], Page]) -> None:
    page = show(night.ledger)
    assert page.inner_text("#verdict h2") == "3 records need you"
    notices = page.locator(".notice").all_inner_texts()
    assert notices == [
        "The calls allowed to Sage 300 were spent: the next run goes on where this one stopped.",
        "While Sage 300 was read: 1 retry.",
        "Not read whole from Sage 300: APVendors of B.",
    ]
    first, second, third = page.locator("details.group").all()
    assert "Correct the value named below in Sage 300" in first.inner_text()
    assert "Vendor 4 of SAMINC" in first.inner_text()
    assert "a record without a key" in first.inner_text()
    assert "Business Rule 'No" in second.inner_text()
    assert "every run tries again" in third.inner_text()
    assert "IN-8-1" in third.inner_text()
    change = page.locator("#changes li", has_text=LONG)
    assert change.locator("dt").all_inner_texts() == ["name", "city"]
    assert change.locator("dd").all_inner_texts() == [f"Vendor 2 → {LONG}", "Delft → Gouda"]


def test_names_are_text_everywhere(night: Instance, show: t.Callable[[Path], Page]) -> None:
    """Kind: a vendor whose name is markup; the console and the requests would show it."""
    page = show(night.ledger)
    assert MARKUP in page.inner_text("#waiting")
    page.fill("#search", "onerror")
    assert page.inner_text("#found") == "1 record"
    assert MARKUP in page.inner_text("#lives summary")
    assert page.locator("img").count() == 0


def test_search_shows_the_life_of_a_record(night: Instance, show: t.Callable[[Path], Page]) -> None:
    page = show(night.ledger)
    page.fill("#search", "vendor:2")
    entries = page.locator("#lives .status").all_inner_texts()
    assert entries == ["updated", "created"]
    assert "city\nDelft → Gouda" in page.inner_text("#lives")
    page.fill("#search", "8:1")
    [reference] = page.locator("#lives .reason").all_inner_texts()
    assert reference == "vendor points at sage300:SAMINC:Vendor:3, which is not in proc_vendor"
    page.fill("#search", "8:2")  # a reference is shown by the record, not by its sys_id
    vendor = page.locator("#lives dl div", has=page.locator("dt:text-is('vendor')"))
    assert vendor.locator("ins").inner_text() == "Vendor 1 of SAMINC"
    page.fill("#search", "nobody")
    assert page.inner_text("#found") == "Not on this page. The ledger knows every record."


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_a_screen_and_a_telephone(
    night: Instance, show: t.Callable[[Path], Page], width: int, scheme: t.Literal["light", "dark"]
) -> None:
    page = show(night.ledger)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.click("text=The runs in numbers")
    page.fill("#search", "sage300")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert back == {"light": "rgb(244, 245, 247)", "dark": "rgb(20, 23, 26)"}[scheme]


def test_it_can_be_printed_whole(night: Instance, show: t.Callable[[Path], Page]) -> None:
    page = show(night.ledger)
    assert page.locator("#runs table").is_hidden()
    page.emulate_media(color_scheme="dark", media="print")
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("#runs table").is_visible()
    assert page.locator("#search").is_hidden()


CHANGES = 20_000


@pytest.fixture(scope="module")
def huge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of a run that changed 20,000 rows and left 5,000 waiting, with costly names."""
    path = tmp_path_factory.mktemp("huge") / "ledger.sqlite"
    nasty = "\"<&'" * 40 + "\U0001f4a9" * 200
    changes = {f"column_{n}": {"old": nasty, "new": f"{nasty}{n}"} for n in range(30)}
    with closing(LedgerWriter(path)) as ledger:
        ledger.start(mode="apply", mapping="default")
        few = changes | {"name": {"old": "", "new": nasty}}
        for start in range(0, CHANGES, 1000):
            ledger.record(
                Entry(
                    f"table_{n % 40}",
                    f"sage300:SAMINC:Vendor:{n}" if n else "sage300:SAM%C3:~cut",
                    "updated",
                    sys_id=f"{n:032}",
                    changes=few if n % 50 == 0 else {"city": {"old": "", "new": "x"}},
                    reason=nasty * 3,
                    cause="lost_answer",
                    money=Money(f"{n % 300:03}", Decimal("0.1")),
                )
                for n in range(start, start + 1000)
            )
        for cause in ("refused", "record", "reference", "length", "duplicate"):
            ledger.record(
                Entry(
                    "proc_vendor",
                    f"sage300:SAMINC:Vendor:{cause}-{n}",
                    "rejected",
                    reason=f"{nasty}{n}",
                    cause=cause,
                    payload={"VendorName": nasty},
                )
                for n in range(1000)
            )
        ledger.finish(status="finished", calls=12_345)
    return path


def test_it_stays_below_a_megabyte_and_says_what_is_left_out(
    huge: Path, show: t.Callable[[Path], Page]
) -> None:
    page = show(huge)
    assert page.inner_text("#verdict h2") == "4,000 records need you"
    shown = page.locator("#changes li").count()
    assert 0 < shown <= 500
    assert f"{CHANGES - shown:,} more are not on this page" in page.inner_text("#changes")
    assert "explain NAME" in page.inner_text("#changes")
    assert f'ledger --ledger "{huge}" changes --run 1 --all' in page.inner_text("#changes")
    more = page.locator("#waiting .more").first.inner_text()
    assert "more. All of them:" in more
    assert f'target-servicenow ledger --ledger "{huge}" rejects --cause' in more
    assert "more lines are in the ledger" in page.inner_text("#money")
    page.fill("#search", "duplicate")
    assert "records" in page.inner_text("#found")


def test_the_size_of_its_file(huge: Path, tmp_path: Path) -> None:
    page = written(huge, tmp_path / "huge.html").read_bytes()
    assert LARGEST // 2 < len(page) <= LARGEST


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such rights")
def test_it_is_private_and_replaces_what_was_there(night: Instance, tmp_path: Path) -> None:
    """Kind: a page with amounts that everybody on the machine can read."""
    out = tmp_path / "pages" / "report.html"
    out.parent.mkdir()
    out.write_text("older", encoding="utf-8")
    out.chmod(0o644)
    written(night.ledger, out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]


def test_a_file_that_cannot_be_written(night: Instance, tmp_path: Path) -> None:
    out = tmp_path / "nowhere" / "report.html"
    result = report(night.ledger, out)
    assert (result.exit_code, result.output) == (
        1,
        f"Error: {out} cannot be written (No such file or directory): name another file\n",
    )


def test_a_ledger_without_a_run(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    LedgerWriter(path).close()
    result = report(path, tmp_path / "report.html")
    assert (result.exit_code, result.output) == (
        1,
        f"Error: The ledger {path} holds no run yet: run the target first\n",
    )


def test_a_plan_and_a_run_that_stopped(
    instance: Instance, singer: Singer, show: t.Callable[[Path], Page]
) -> None:
    vendors = singer.vendors(singer.vendor("1"))
    late = singer.vendor("4", StartDate="soon")
    assert instance.run([*vendors, late], mode="plan").code == 0
    page = show(instance.ledger)
    assert page.inner_text("h1").startswith("Plan 1")
    assert "Nothing was written." in page.inner_text("#verdict")
    assert "would be changed" in page.inner_text("#verdict")
    assert "Vendor 1" in page.inner_text("#changes")
    assert "Vendor 4 of SAMINC" in page.inner_text("#waiting")
    assert instance.run([*vendors, "no JSON\n"]).code == 1
    page = show(instance.ledger)
    assert page.inner_text("#verdict h2") == "The run stopped before its end"
    assert "Line 3 of the input is not JSON" in page.inner_text("#verdict")
    assert instance.run(vendors).code == 0
    assert show(instance.ledger).inner_text("#verdict h2") == "Nothing needs you"


def test_a_run_does_not_wait_for_the_template_engine() -> None:
    code = "import json, sys, target_servicenow.target; print(json.dumps(list(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    modules = json.loads(found.stdout)
    assert "target_servicenow.commands.report" in modules
    assert not {"jinja2", "target_servicenow.report.page"} & set(modules)
