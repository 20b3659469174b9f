"""Guards that matter only where two bad things come together."""

from __future__ import annotations

import signal
import typing as t
from contextlib import suppress

import pytest

from target_servicenow.upsert import writer

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Instance, Singer

ROWS = 60
"""More than the first two calls carry."""


def test_a_signal_whose_exception_is_lost(instance: Instance, singer: Singer) -> None:
    """Kind: the signal meets code that suppresses what its handler raises, and the run goes on."""

    def messages() -> Iterator[dict[str, t.Any]]:
        yield from singer.vendors(singer.vendor(1))
        with suppress(SystemExit):
            signal.raise_signal(signal.SIGTERM)
        yield singer.vendor(2)
        yield singer.state({"n": 2})

    result = instance.run(messages())
    assert (result.code, result.states) == (128 + signal.SIGTERM, [])
    assert instance.rows("proc_vendor") == []
    assert instance.query("SELECT status, message FROM runs") == [("stopped", "ended by a signal")]


@pytest.mark.parametrize("limit", [30, 300])
def test_a_table_that_stops_to_keep_our_sys_ids(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer, limit: int
) -> None:
    """Kind: a property set during the run, after which a lost create may commit after the look.

    It may do so until the instance's own limit of a call, which its administrator can raise.
    """

    def choose(call: t.Any) -> t.Any:
        proxy.keeps_sys_ids = False
        return call.forward()

    def lose(call: t.Any) -> t.Any:
        call.forward()
        call.drop()

    proxy.plan = {("write", 2): choose, ("write", 3): lose}
    load.batch_limit_seconds = limit
    load([singer.vendor(n) for n in range(ROWS)])
    assert instance.by_source("proc_vendor").keys() == {str(n) for n in range(ROWS)}
    assert limit - 5 < max(load.waits) <= limit + 5


def test_rows_that_never_had_their_turn_were_not_tried(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: calls cut short again and again, which must not count against the rows behind."""

    def serve_one(call: t.Any) -> t.Any:
        answer = call.forward(call.items[:1])
        return {**answer, "unserviced_requests": [item["id"] for item in call.items[1:]]}

    monkeypatch.setattr(writer, "MAX_ATTEMPTS", 2)
    proxy.plan = {("write", n): serve_one for n in range(1, 99)}
    load([singer.vendor(n) for n in range(12)])
    assert instance.by_source("proc_vendor").keys() == {str(n) for n in range(12)}
    assert instance.counts("proc_vendor") == {"created": 12}
