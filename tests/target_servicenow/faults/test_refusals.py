"""Refusals of single calls: rate limits, expired credentials, closed APIs, hidden columns."""

from __future__ import annotations

import json
import typing as t

import pytest

from target_servicenow.api.errors import StopRunError

if t.TYPE_CHECKING:
    from conftest import Instance, Singer


def test_retries_are_limited(proxy: t.Any, load: t.Any, instance: Instance, singer: Singer) -> None:
    def busy(call: t.Any) -> t.Any:
        return call.answer({"error": {"message": "Rate limit"}}, 429)

    proxy.plan = {("write", n): busy for n in range(2, 20)}
    with pytest.raises(StopRunError) as caught:
        load([singer.vendor(n) for n in range(10)], retries=3)
    assert str(caught.value) == (
        "ServiceNow limited the rate of requests while writing proc_vendor (Rate limit) (attempts: "
        "4); nothing is lost: run again when the instance answers"
    )
    assert proxy.seen["write"] == 5
    assert len(load.waits) == 3
    assert load.waits == sorted(load.waits)
    assert instance.outcomes() == [("0", "created")]


def test_an_instance_that_stops_answering_ends_the_run(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    def drop(call: t.Any) -> t.Any:
        call.drop()

    proxy.plan = {("write", n): drop for n in range(2, 50)}
    with pytest.raises(StopRunError) as caught:
        load([singer.vendor(n) for n in range(3)])
    assert str(caught.value) == (
        "proc_vendor sage300:SAMINC:Vendor:1 could not be confirmed after 8 attempts: check the "
        "instance and run again"
    )
    assert instance.by_source("proc_vendor").keys() == {"0"}


def test_a_401_inside_a_batch_renews_the_token_once(
    proxy: t.Any, instance: Instance, singer: Singer
) -> None:
    def unauthorized(call: t.Any) -> t.Any:
        items = [call.failed(item["id"], 401, "User Not Authenticated") for item in call.items]
        return {"serviced_requests": items, "unserviced_requests": []}

    proxy.plan = {("write", 2): unauthorized}
    messages = singer.vendors(*(singer.vendor(n) for n in range(60)))
    assert instance.run(messages, instance_url=proxy.url).code == 0
    assert len(instance.by_source("proc_vendor")) == 60
    assert instance.take_counters()["token_calls"] == 2


def test_a_401_to_a_batch_renews_the_token_once(
    proxy: t.Any, instance: Instance, singer: Singer
) -> None:
    def unauthorized(call: t.Any) -> t.Any:
        return call.answer({"error": {"message": "User Not Authenticated", "detail": "x"}}, 401)

    proxy.plan = {("write", 2): unauthorized}
    messages = singer.vendors(*(singer.vendor(n) for n in range(60)))
    assert instance.run(messages, instance_url=proxy.url).code == 0
    assert len(instance.by_source("proc_vendor")) == 60
    assert instance.take_counters()["token_calls"] == 2


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Requested URI does not represent any resource: /api/now/v1/batch"),
        (403, "Failed API level ACL Validation"),
        (404, "Not found"),
    ],
)
def test_a_closed_batch_api_is_replaced_by_single_calls(
    proxy: t.Any, instance: Instance, singer: Singer, status: int, message: str
) -> None:
    def refuse(call: t.Any) -> t.Any:
        return call.answer({"error": {"message": message}, "status": "failure"}, status)

    proxy.plan = {(kind, n): refuse for kind in ("lookup", "write") for n in range(1, 9)}
    vendors = [singer.vendor(n) for n in range(120)]
    result = instance.run(
        [*singer.vendors(*vendors), singer.state(1)], instance_url=proxy.url, workers=2
    )
    assert (result.code, result.states) == (0, [1])
    assert instance.by_source("proc_vendor").keys() == {str(n) for n in range(120)}
    assert instance.counts("proc_vendor") == {"created": 120}
    assert instance.take_counters()["by_method"]["POST"] == 120 + 1  # and the token
    vendors[5] = singer.vendor(5, City="Delft")
    assert instance.run(singer.vendors(*vendors), instance_url=proxy.url).code == 0
    assert instance.take_counters()["by_method"]["PATCH"] == 1
    assert instance.by_source("proc_vendor")["5"]["city"] == "Delft"


def source_column(name: str) -> dict[str, t.Any]:
    return {"tables": {"proc_vendor": {"source_column": name}}}


def test_a_misspelt_source_column_with_a_hidden_dictionary(
    proxy: t.Any, instance: Instance, singer: Singer
) -> None:
    proxy.hidden = {"sys_dictionary", "sys_db_object"}
    messages = [*singer.vendors(*(singer.vendor(n) for n in range(60))), singer.state(1)]
    settings = {
        "mapping_overrides": source_column("corelation_id"),
        "instance_url": proxy.url,
    }
    result = instance.run(messages, **settings)
    assert (result.code, result.states) == (1, [])
    [sentence] = result.errors
    assert sentence.startswith("ServiceNow did not store proc_vendor.corelation_id as sent (sent ")
    assert len(instance.rows("proc_vendor")) == 1

    result = instance.run(messages, **settings)
    assert (result.code, result.states) == (1, [])
    [sentence] = result.errors
    assert sentence.startswith("proc_vendor has no column corelation_id for the source ")
    assert len(instance.rows("proc_vendor")) == 1


def test_a_short_source_column_with_a_hidden_dictionary(
    proxy: t.Any, instance: Instance, singer: Singer
) -> None:
    proxy.hidden = {"sys_dictionary", "sys_db_object"}
    messages = [*singer.vendors(*(singer.vendor(f"{n:050}") for n in range(60))), singer.state(1)]
    result = instance.run(
        messages,
        mapping_overrides=source_column("tax_number"),  # 40 characters
        instance_url=proxy.url,
    )
    assert (result.code, result.states) == (1, [])
    assert "did not store proc_vendor.tax_number as sent" in result.errors[0]
    assert len(instance.rows("proc_vendor")) == 1


def test_a_truncated_text_with_a_hidden_dictionary(
    proxy: t.Any, instance: Instance, singer: Singer
) -> None:
    proxy.hidden = {"sys_dictionary", "sys_db_object"}
    long = singer.vendor("1", City="x" * 61)
    result = instance.run(singer.vendors(long, singer.vendor("2")), instance_url=proxy.url)
    assert result.code == 0
    assert instance.by_source("proc_vendor").keys() == {"1", "2"}
    [altered] = instance.query("SELECT altered FROM outcomes WHERE identifier LIKE '%:1'")
    assert json.loads(altered[0])["city"]["old"] == "x" * 60
