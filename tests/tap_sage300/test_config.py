"""Settings: each wrong one gets one sentence that names it and never shows a secret."""

from __future__ import annotations

import datetime as dt

import pytest

from tap_sage300 import settings
from tap_sage300.config import CONFIG
from tap_sage300.errors import TapError

GOOD = {
    "api_url": "https://sage.example.com/Sage300WebApi/",
    "companies": ["SAMINC"],
    "username": "READER",
}


def test_defaults():
    read = settings.read(GOOD)
    assert read.api_url == "https://sage.example.com/Sage300WebApi"
    assert read.companies == ("SAMINC",)
    assert (read.credential_case, read.paging, read.date_literal) == ("upper", "auto", "auto")
    assert (read.lookback_days, read.full_sweep_days, read.gl_sweep_days) == (2, None, 0)
    assert (read.page_size, read.batch_page_size) == (100, 20)
    assert (read.max_calls_per_run, read.on_call_budget) == (1400, "stop")
    assert (read.call_budget_pause_seconds, read.min_call_interval_ms) == (300, 50)
    assert (read.connect_timeout_seconds, read.read_timeout_seconds) == (10, 300)
    assert (read.max_retries, read.verify_ssl, read.ca_bundle) == (5, True, None)
    assert (read.password, read.start_date) == ("", None)


@pytest.mark.parametrize("text", ["2026-01-31", "2026-01-31T00:00:00Z"])
def test_start_date_is_a_day(text):
    assert settings.read({**GOOD, "start_date": text}).start_date == dt.date(2026, 1, 31)


def test_null_is_absent():
    assert settings.read({**GOOD, "page_size": None, "ca_bundle": None}).page_size == 100


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"api_url": None}, "The setting api_url is missing: Address of the Sage 300 Web API"),
        ({"companies": None}, "The setting companies is missing: "),
        ({"username": None}, "The setting username is missing: "),
        ({"api_url": "sage.example.com"}, "The setting api_url must be the http or https address"),
        ({"api_url": "http://h/other"}, "The setting api_url must be"),
        ({"api_url": "http://h/Sage300WebApi?x=1"}, "The setting api_url must be"),
        ({"api_url": "http://u:p@h/Sage300WebApi"}, "The setting api_url must be"),
        ({"api_url": "http://[/Sage300WebApi"}, "The setting api_url must be"),
        ({"companies": []}, "The setting companies must name at least one"),
        ({"companies": [" "]}, "The setting companies must name at least one"),
        ({"companies": ["A", "A"]}, "The setting companies names a company twice"),
        ({"companies": "SAMINC"}, "The setting companies must be of type list of strings."),
        ({"companies": [1]}, "The setting companies must be of type list of strings."),
        ({"username": " "}, "The setting username is empty"),
        ({"password": 123456}, "The setting password must be of type string."),
        ({"credential_case": "lower"}, "must be one of upper, upper_user, as_given."),
        ({"paging": "page"}, "The setting paging must be one of auto, keyset, skip."),
        ({"date_literal": "iso"}, "must be one of auto, plain, quoted, v3."),
        ({"on_call_budget": "fail"}, "The setting on_call_budget must be one of stop, wait."),
        ({"lookback_days": -1}, "The setting lookback_days must be 0 or more."),
        ({"page_size": 0}, "The setting page_size must be 1 or more."),
        ({"max_calls_per_run": 0}, "The setting max_calls_per_run must be 1 or more."),
        ({"max_retries": 1.5}, "The setting max_retries must be of type integer."),
        ({"verify_ssl": "no"}, "The setting verify_ssl must be of type boolean."),
        ({"start_date": "yesterday"}, "The setting start_date must be a date"),
        ({"start_date": "2026-02-30"}, "The setting start_date must be a date"),
        ({"ca_bundle": "nowhere.pem"}, "The setting ca_bundle names nowhere.pem"),
    ],
    ids=str,
)
def test_each_wrong_setting_is_named(change, sentence):
    with pytest.raises(TapError) as caught:
        settings.read({**GOOD, **change})
    told = str(caught.value)
    assert sentence in told
    assert told.endswith(".")
    assert "\n" not in told
    assert "123456" not in told


def test_every_setting_has_title_and_description_and_secrets_are_marked():
    for name, one in CONFIG["properties"].items():
        assert one["title"], name
        assert one["description"], name
    assert CONFIG["properties"]["password"]["secret"] is True
    assert set(CONFIG["required"]) == {"api_url", "companies", "username"}
