"""Answers that end the run, slow it down, or ask for other credentials."""

from __future__ import annotations

import json
import typing as t

import pytest

from target_servicenow.api.errors import StopRunError

if t.TYPE_CHECKING:
    from conftest import Instance, Singer


def test_retry_after_is_kept(proxy: t.Any, load: t.Any, instance: Instance, singer: Singer) -> None:
    def slow_down(call: t.Any) -> t.Any:
        return call.answer({"error": {"message": "Rate limit"}}, 429, Retry_After="37")

    proxy.plan = {("write", 2): slow_down, ("write", 3): slow_down}
    load([singer.vendor(n) for n in range(10)])
    assert load.waits == [37, 37]
    assert len(instance.rows("proc_vendor")) == 10


def test_waiting_has_an_end(proxy: t.Any, load: t.Any, instance: Instance, singer: Singer) -> None:
    def busy(call: t.Any) -> t.Any:
        return call.answer({"error": {"message": "Rate limit"}}, 429)

    proxy.plan = {("write", n): busy for n in range(2, 20)}
    with pytest.raises(StopRunError) as caught:
        load([singer.vendor(n) for n in range(10)], retries=3)
    assert str(caught.value) == (
        "ServiceNow limits the rate of writing proc_vendor (Rate limit) (attempts: 4); nothing "
        "is lost: run again when the instance answers"
    )
    assert proxy.seen["write"] == 5
    assert len(load.waits) == 3
    assert load.waits == sorted(load.waits)
    assert instance.outcomes() == [("0", "created")]


def test_an_instance_that_never_answers_ends_the_run(
    proxy: t.Any, load: t.Any, instance: Instance, singer: Singer
) -> None:
    def lost(call: t.Any) -> t.Any:
        call.drop()

    proxy.plan = {("write", n): lost for n in range(2, 50)}
    with pytest.raises(StopRunError) as caught:
        load([singer.vendor(n) for n in range(3)])
    assert str(caught.value) == (
        "ServiceNow does not settle sage300:SAMINC:Vendor:1 of proc_vendor after 8 attempts: check "
        "the instance and run again"
    )
    assert instance.by_source("proc_vendor").keys() == {"0"}


def test_a_401_inside_a_batch_renews_once(proxy: t.Any, instance: Instance, singer: Singer) -> None:
    def signed_out(call: t.Any) -> t.Any:
        late = [call.failed(item["id"], 401, "User Not Authenticated") for item in call.items]
        return {"serviced_requests": late, "unserviced_requests": []}

    proxy.plan = {("write", 2): signed_out}
    messages = singer.vendors(*(singer.vendor(n) for n in range(60)))
    assert instance.run(messages, instance_url=proxy.url).code == 0
    assert len(instance.by_source("proc_vendor")) == 60
    assert instance.take_counters()["token_calls"] == 2


def test_a_401_renews_the_token_once(proxy: t.Any, instance: Instance, singer: Singer) -> None:
    def signed_out(call: t.Any) -> t.Any:
        return call.answer({"error": {"message": "User Not Authenticated", "detail": "x"}}, 401)

    proxy.plan = {("write", 2): signed_out}
    messages = singer.vendors(*(singer.vendor(n) for n in range(60)))
    assert instance.run(messages, instance_url=proxy.url).code == 0
    assert len(instance.by_source("proc_vendor")) == 60
    assert instance.take_counters()["token_calls"] == 2

    proxy.plan = {("lookup", proxy.seen["lookup"] + n): signed_out for n in range(1, 9)}
    result = instance.run([*messages, singer.state(1)], instance_url=proxy.url)
    assert (result.code, result.states) == (1, [])
    assert len(result.errors) == 1
    assert "does not accept the credentials for reading the mapped tables" in result.errors[0]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Requested URI does not represent any resource: /api/now/v1/batch"),
        (403, "Failed API level ACL Validation"),
        (404, "Not found"),
    ],
)
def test_a_batch_api_that_is_closed_gives_way_to_single_calls(
    proxy: t.Any, instance: Instance, singer: Singer, status: int, message: str
) -> None:
    def closed(call: t.Any) -> t.Any:
        return call.answer({"error": {"message": message}, "status": "failure"}, status)

    proxy.plan = {(kind, n): closed for kind in ("lookup", "write") for n in range(1, 9)}
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


def test_a_right_that_is_missing_stops_the_run(
    proxy: t.Any, instance: Instance, singer: Singer
) -> None:
    def forbidden(call: t.Any) -> t.Any:
        detail = "ACL Exception Insert Failed due to security constraints"
        refused = [call.failed(i["id"], 403, "Operation Failed", detail) for i in call.items]
        return {"serviced_requests": refused, "unserviced_requests": []}

    proxy.plan = {("write", 1): forbidden}
    messages = [*singer.vendors(*(singer.vendor(n) for n in range(60))), singer.state(1)]
    result = instance.run(messages, instance_url=proxy.url)
    assert (result.code, result.states) == (1, [])
    assert result.errors == [
        (
            "ServiceNow refuses writing proc_vendor (Operation Failed: ACL Exception Insert Failed "
            "due to security constraints): give the integration user the role or access rule it "
            "needs"
        )
    ]
    assert proxy.seen["write"] == 1


@pytest.mark.parametrize("method", ["oauth_client_credentials", "basic"])
def test_a_sleeping_instance(proxy: t.Any, instance: Instance, singer: Singer, method: str) -> None:
    proxy.asleep = True
    result = instance.run(
        [*singer.vendors(singer.vendor("1")), singer.state(1)],
        instance_url=proxy.url,
        auth_method=method,
        username="integration",
        password="sandbox",
    )
    assert (result.code, result.states) == (1, [])
    [sentence] = result.errors
    assert sentence.endswith(": check instance_url, and that the instance is awake")


def closed_dictionary(column: str) -> dict[str, t.Any]:
    return {"tables": {"proc_vendor": {"source_column": column}}}


def test_a_misspelt_source_column_is_seen_where_the_dictionary_is_closed(
    proxy: t.Any, instance: Instance, singer: Singer
) -> None:
    proxy.hidden = {"sys_dictionary", "sys_db_object"}
    messages = [*singer.vendors(*(singer.vendor(n) for n in range(60))), singer.state(1)]
    settings = {
        "mapping_overrides": closed_dictionary("corelation_id"),
        "instance_url": proxy.url,
    }
    result = instance.run(messages, **settings)
    assert (result.code, result.states) == (1, [])
    [sentence] = result.errors
    assert sentence.startswith("ServiceNow does not keep corelation_id of proc_vendor (sent ")
    assert len(instance.rows("proc_vendor")) == 1

    result = instance.run(messages, **settings)
    assert (result.code, result.states) == (1, [])
    [sentence] = result.errors
    assert sentence.startswith("proc_vendor has no column corelation_id for the source ")
    assert len(instance.rows("proc_vendor")) == 1


def test_a_source_column_too_short_is_seen_where_the_dictionary_is_closed(
    proxy: t.Any, instance: Instance, singer: Singer
) -> None:
    proxy.hidden = {"sys_dictionary", "sys_db_object"}
    messages = [*singer.vendors(*(singer.vendor(f"{n:050}") for n in range(60))), singer.state(1)]
    result = instance.run(
        messages,
        mapping_overrides=closed_dictionary("tax_number"),  # 40 characters
        instance_url=proxy.url,
    )
    assert (result.code, result.states) == (1, [])
    assert "does not keep tax_number of proc_vendor" in result.errors[0]
    assert len(instance.rows("proc_vendor")) == 1


def test_the_first_run_goes_on_where_the_dictionary_is_closed(
    proxy: t.Any, instance: Instance, singer: Singer
) -> None:
    proxy.hidden = {"sys_dictionary", "sys_db_object"}
    long = singer.vendor("1", City="x" * 61)
    result = instance.run(singer.vendors(long, singer.vendor("2")), instance_url=proxy.url)
    assert result.code == 0
    assert instance.by_source("proc_vendor").keys() == {"1", "2"}
    [altered] = instance.query("SELECT altered FROM outcomes WHERE identifier LIKE '%:1'")
    assert json.loads(altered[0])["city"]["old"] == "x" * 60
