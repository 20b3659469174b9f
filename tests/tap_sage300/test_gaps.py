"""Records that cannot be read, on servers that count, cap and compare in their own way."""

from __future__ import annotations

import pytest

from tap_sage300.api import patience

EVERY = [f"V{number:03}" for number in range(24)]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(patience, "LONGEST_BACKOFF", 0.001)


class Poisoned:
    """Serves a table; a page that holds one of the bad rows fails, perhaps even their keys."""

    def __init__(self, table, helpers, bad, *, by_select):
        self.table, self.helpers, self.bad, self.by_select = table, helpers, set(bad), by_select

    def __call__(self, request):
        response = self.table(request)
        only_keys = request.args.get("$select") == "VendorNumber"
        found = {row["VendorNumber"] for row in response.get_json()["value"]} & self.bad
        if found and not (only_keys and self.by_select):
            return self.helpers.refusal(500, "General", "Overflow")
        return response


def runs_until_closed(fake_config, helpers, state=None):
    """Read in runs until no window is open; return what came, and the last state."""
    keys = []
    for _ in range(40):
        output = helpers.sync(fake_config, state, helpers.only("APVendors"))
        state, keys = output.state, keys + output.keys()
        if "resume" not in output.part("APVendors"):
            return keys, output
    pytest.fail("the window does not end")


@pytest.mark.parametrize("by_select", [True, False])
@pytest.mark.parametrize("budget", [25, 1000])
@pytest.mark.parametrize("paging", ["auto", "skip"])
@pytest.mark.parametrize(
    "nature", [{}, {"count": False}, {"count": False, "links": False, "cap": 3}], ids=str
)
@pytest.mark.parametrize("bad", [["V000"], ["V023"], ["V011", "V012"]], ids=str)
def test_a_record_that_cannot_be_read_counts_as_received(  # noqa: PLR0917
    fake, fake_config, helpers, bad, nature, paging, budget, by_select
):
    """Kind: a poison record where counts are absent, pages are capped, and the read is cut."""
    table = helpers.Table(helpers.vendors(*EVERY), **nature)
    fake.answer = Poisoned(table, helpers, bad, by_select=by_select)
    config = {**fake_config, "page_size": 8, "paging": paging, "max_calls_per_run": budget}
    keys, output = runs_until_closed(config, helpers)
    assert keys == [key for key in EVERY if key not in bad]  # none twice
    part = output.part("APVendors")
    assert ("last_sweep" in part) is by_select
    assert ("replication_key_value" in part) is by_select
    assert part.get("not_final", []) == (bad if by_select else [])
    assert "learned" not in part

    if not by_select:  # mended, all is read again
        fake.answer = table
        again, output = runs_until_closed(config, helpers, output.state)
        assert again == EVERY
        assert "last_sweep" in output.part("APVendors")


@pytest.mark.parametrize("by_select", [True, False])
def test_a_record_that_cannot_be_read_and_another_comparison(fake, fake_config, helpers, by_select):
    """Kind: a poison record among the rows that a read by key leaves out."""

    class Caseless(helpers.Table):
        @staticmethod
        def after(key, last):
            return key.upper() > last.upper()

    every = [*"ABCDEFGHIJ", *"abcdefghij"]
    fake.answer = Poisoned(
        Caseless(helpers.vendors(*every)), helpers, ["c", "j"], by_select=by_select
    )
    keys, output = runs_until_closed({**fake_config, "page_size": 4}, helpers)
    assert set(keys) == set(every) - {"c", "j"}
    assert ("last_sweep" in output.part("APVendors")) is by_select


def test_a_gap_outlives_the_run(fake, fake_config, helpers):
    """Kind: a read that is cut after a record whose key is not known."""
    table = helpers.Table(helpers.vendors(*EVERY))
    fake.answer = Poisoned(table, helpers, ["V001"], by_select=False)
    for budget in range(1, 40):  # until one ends the read behind the gap
        config = {**fake_config, "page_size": 8, "max_calls_per_run": budget}
        first = helpers.sync(config, catalog=helpers.only("APVendors"))
        if "gap" in first.part("APVendors").get("resume", {}):
            break
    assert first.part("APVendors")["resume"]["gap"] == 1
    fake.answer = table
    second = helpers.sync(fake_config, first.state, helpers.only("APVendors"))
    part = second.part("APVendors")
    assert not part.keys() & {"resume", "last_sweep", "replication_key_value"}
