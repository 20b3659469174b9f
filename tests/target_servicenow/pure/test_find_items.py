"""Requests that look rows up by key."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from target_servicenow.api.table import (
    MAX_FIND_BYTES,
    StoredRow,
    find_items,
    find_prefixed_items,
    halves,
    read_row,
)

FIELDS = ["correlation_id", "name"]


def queries(keys: list[str]) -> list[str]:
    items = list(find_items("proc_vendor", "correlation_id", keys, FIELDS))
    assert [item.id for item in items] == [f"find-{n}" for n in range(1, len(items) + 1)]
    assert all(item.method == "GET" and item.body is None for item in items)
    assert all(len(item.url.encode()) <= MAX_FIND_BYTES for item in items)
    queried = [parse_qs(urlsplit(item.url).query) for item in items]
    assert all(one["sysparm_fields"] == ["sys_id,correlation_id,name"] for one in queried)
    assert all(one["sysparm_exclude_reference_link"] == ["true"] for one in queried)
    return [one["sysparm_query"][0] for one in queried]


def keys_of(query: str) -> list[str]:
    assert query.startswith("correlation_idIN")
    return query.removeprefix("correlation_idIN").split(",")


@pytest.mark.parametrize(
    ("count", "chunks"),
    [(0, []), (1, [1]), (500, [500]), (501, [500, 1]), (1001, [500, 500, 1])],
)
def test_at_most_500_keys_at_once(count: int, chunks: list[int]) -> None:
    keys = [f"k{n}" for n in range(count)]
    queried = [keys_of(query) for query in queries(keys)]
    assert [len(chunk) for chunk in queried] == chunks
    assert [key for chunk in queried for key in chunk] == keys


def test_long_keys_are_split_to_fit_the_url() -> None:
    keys = [f"sage300:SAMINC:Vendor:{n:03}{'ü' * 60}" for n in range(200)]
    queried = [keys_of(query) for query in queries(keys)]
    assert len(queried) > 2
    assert [key for chunk in queried for key in chunk] == keys


def test_a_key_too_long_for_any_url_is_queried_alone() -> None:
    items = list(find_items("t", "c", ["a", "x" * 30_000, "b"], []))
    assert len(items) == 3


def test_keys_that_an_in_cannot_hold_are_queried_alone() -> None:
    """Kind: text with the separators of encoded queries, which have no escape."""
    alone = {
        "Smith, Sons": "c=Smith, Sons",
        "m@host": "c=m@host",
        ",": "c=,",
        "Bolts^Nuts": "cSTARTSWITHBolts^cENDSWITHNuts",
        "^Acme": "cENDSWITHAcme",
        "A^B^C, D": "cSTARTSWITHA^cLIKEB^cENDSWITHC, D",
        "a^ORname=b": "cSTARTSWITHa^cENDSWITHORname=b",
        "javascript:x()": "cENDSWITHx()",
    }
    queried = [query.replace("correlation_id", "c") for query in queries([*alone, "Plain", "^"])]
    assert queried == [*alone.values(), "cINPlain"]


@pytest.mark.parametrize("keys", [2, 3, 250])
def test_halves_find_the_same(keys: int) -> None:
    names = [f"k{n}" for n in range(keys)]
    [item] = find_items("proc_vendor", "correlation_id", names, FIELDS)
    parts = halves(item)
    assert len({item.id, *(part.id for part in parts)}) == 3
    assert [key for part in parts for key in part.query.keys] == names
    alone = [
        next(find_items("proc_vendor", "correlation_id", part.query.keys, FIELDS)).url
        for part in parts
    ]
    assert [part.url for part in parts] == alone


def test_prefixes_are_a_chain_of_conditions() -> None:
    items = list(find_prefixed_items("t", "c", [f"sage300:A:Invoice:{n}:" for n in range(450)], []))
    chains = [parse_qs(urlsplit(item.url).query)["sysparm_query"][0] for item in items]
    assert [chain.count("cSTARTSWITHsage300:A:Invoice:") for chain in chains] == [200, 200, 50]
    assert all(len(item.url) <= MAX_FIND_BYTES for item in items)
    assert chains[2].startswith("cSTARTSWITHsage300:A:Invoice:400:^ORcSTARTSWITH")


def test_url_characters_are_escaped() -> None:
    assert keys_of(queries(["a&b=c d+e%41#?"])[0]) == ["a&b=c d+e%41#?"]


def test_read_row() -> None:
    row = {
        "sys_id": "s1",
        "name": "Acme",
        "vendor": {"link": "http://x/1", "value": "v1"},
        "empty": "",
        "null": None,
    }
    assert read_row(row) == StoredRow(
        "s1", {"name": "Acme", "vendor": "v1", "empty": "", "null": ""}
    )
