"""Settings: what is wrong with one is said in one sentence that names it and shows no secret."""

from __future__ import annotations

import datetime as dt

import pytest

from tap_sage300 import config
from tap_sage300.config import SettingError
from tap_sage300.settings import SCHEMA
from tap_sage300.tap import TapSage300

GOOD = {
    "api_url": "https://sage.example.com/Sage300WebApi/",
    "companies": ["SAMINC"],
    "username": "READER",
}

CODE_PAGE = (
    "is not in UTF-8 but seems to be in a Windows code page such as Windows-1252: save it as UTF-8"
)
NO_MARK = "is not in UTF-8 but seems to be in UTF-16 without a byte order mark: save it as UTF-8"
NOT_SETTINGS = 'is not a JSON object: write the settings into it as {"api_url": "...", ...}'


def test_defaults():
    read = config.read(GOOD)
    assert read.api_url == "https://sage.example.com/Sage300WebApi"
    assert read.companies == ("SAMINC",)
    assert (read.credential_case, read.paging, read.date_literal) == ("upper", "auto", "auto")
    assert (read.lookback_days, read.full_sweep_days, read.undated_sweep_days) == (2, None, 0)
    assert (read.page_size, read.document_page_size) == (100, 20)
    assert (read.max_calls_per_run, read.on_call_budget) == (1400, "stop")
    assert (read.call_budget_pause_seconds, read.pool_rest_seconds) == (300, 300)
    assert read.min_call_interval_ms == 50
    assert (read.connect_timeout_seconds, read.read_timeout_seconds) == (10, 300)
    assert (read.max_retries, read.verify_ssl, read.ca_bundle) == (5, True, None)
    assert (read.password, read.start_date) == ("", None)


@pytest.mark.parametrize("text", ["2026-01-31", "2026-01-31T00:00:00Z"])
def test_start_date_is_a_day(text):
    assert config.read({**GOOD, "start_date": text}).start_date == dt.date(2026, 1, 31)


def test_null_is_absent():
    assert config.read({**GOOD, "page_size": None, "ca_bundle": None}).page_size == 100


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"api_url": None},
            (
                "The setting api_url is missing: give it in the configuration file or as the "
                "environment variable TAP_SAGE300_API_URL"
            ),
        ),
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
        ({"companies": "[SAMINC"}, "The setting companies must be a list of texts"),
        ({"companies": ","}, "The setting companies must name at least one"),
        ({"companies": "SAMINC, saminc"}, "The setting companies names a company twice"),
        ({"companies": [1]}, "The setting companies must be a list of texts"),
        ({"username": " "}, "The setting username is empty"),
        ({"password": 123456}, "The setting password must be text"),
        ({"credential_case": "lower"}, "must be one of upper, upper_user, as_given"),
        ({"paging": "page"}, "The setting paging must be one of auto, keyset, skip"),
        ({"date_literal": "iso"}, "must be one of auto, plain, quoted, v3"),
        ({"on_call_budget": "fail"}, "The setting on_call_budget must be one of stop, wait"),
        ({"lookback_days": -1}, "The setting lookback_days must be 0 or more"),
        ({"page_size": 0}, "The setting page_size must be 1 or more"),
        ({"max_calls_per_run": 0}, "The setting max_calls_per_run must be 1 or more"),
        ({"max_retries": 1.5}, "The setting max_retries must be a whole number"),
        ({"verify_ssl": "no"}, "The setting verify_ssl must be true or false"),
        ({"start_date": "yesterday"}, "The setting start_date must be a date"),
        ({"start_date": "2026-02-30"}, "The setting start_date must be a date"),
        ({"ca_bundle": "nowhere.pem"}, "The setting ca_bundle names nowhere.pem"),
    ],
    ids=str,
)
def test_each_wrong_setting_is_named(change, sentence):
    with pytest.raises(SettingError) as caught:
        config.read({**GOOD, **change})
    said = str(caught.value)
    assert sentence in said
    assert not said.endswith(".")
    assert "\n" not in said
    assert "123456" not in said


def test_every_setting_has_title_and_description_and_secrets_are_marked():
    for name, one in SCHEMA["properties"].items():
        assert one["title"], name
        assert one["description"], name
    assert SCHEMA["properties"]["password"]["secret"] is True
    assert set(SCHEMA["required"]) == {"api_url", "companies", "username"}


@pytest.mark.parametrize(
    ("variable", "text", "kind"),
    [
        ("PAGE_SIZE", "many", "a whole number"),
        ("MAX_RETRIES", "1.5", "a whole number"),
        ("VERIFY_SSL", "perhaps", "true or false"),
        ("COMPANIES", '["SAMINC"', "a list of texts"),
        ("COMPANIES", "[SAMINC]", "a list of texts"),
    ],
)
def test_a_variable_that_cannot_be_read_is_named(variable, text, kind):
    name = f"TAP_SAGE300_{variable}"
    with pytest.raises(config.SettingError) as caught:
        config.check_environment({name: text})
    assert str(caught.value) == (
        f"The setting {variable.lower()} must be {kind} (environment variable {name})"
    )


def test_variables_that_can_be_read(monkeypatch):
    given = {"PAGE_SIZE": " 5 ", "VERIFY_SSL": "No", "COMPANIES": '["A"]', "USERNAME": "5"}
    for name, text in given.items():
        monkeypatch.setenv(f"TAP_SAGE300_{name}", text)
    tap = TapSage300(config={"api_url": GOOD["api_url"]}, parse_env_config=True, setup_mapper=False)
    read = config.read(tap.config)
    assert (read.page_size, read.verify_ssl) == (5, False)
    assert (read.companies, read.username) == (("A",), "5")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "cannot be read: name a JSON file with the settings"),
        ("{", NOT_SETTINGS),
        ("[1]", NOT_SETTINGS),
        ("\x80", CODE_PAGE),
        ("\0{", NO_MARK),
    ],
)
def test_configuration_files(tmp_path, text, sentence):
    path = tmp_path / "config.json"
    if text is not None:
        path.write_text(text, encoding="latin-1")
    with pytest.raises(SettingError) as caught:
        config.read_files([str(path)])
    assert str(caught.value) == f"Configuration file {path} {sentence}"


def test_later_files_win(tmp_path):
    (tmp_path / "a.json").write_text('{"page_size": 1, "username": "A"}', encoding="utf-8")
    (tmp_path / "b.json").write_text('{"page_size": 2}', encoding="utf-8")
    paths = [str(tmp_path / name) for name in ("a.json", "b.json")]
    assert config.read_files(paths) == {"page_size": 2, "username": "A"}
