"""Settings as a user gave them, and the sentence for each that is wrong."""

from __future__ import annotations

import sys
import typing as t

import certifi
import pytest

from target_servicenow.config import (
    SettingError,
    connection,
    credentials,
    misread_variable,
    read_files,
)
from target_servicenow.settings import SCHEMA
from target_servicenow.target import TargetServiceNow

if t.TYPE_CHECKING:
    from pathlib import Path

GIVEN = {"instance_url": "dev1", "client_id": "c", "client_secret": "hush"}
DEFAULTS = {
    name: definition["default"]
    for name, definition in SCHEMA["properties"].items()
    if "default" in definition
}


@pytest.fixture(autouse=True)
def _no_credential_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)


@pytest.fixture
def given(tmp_path: Path) -> dict[str, t.Any]:
    return {**GIVEN, "ledger_path": str(tmp_path / "ledger.sqlite")}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"instance_url": None},
            "Setting instance_url must be of type string",
        ),
        (
            {"instance_url": "http//one two"},
            (
                "Setting instance_url is 'http//one two': give the instance's full URL, or just "
                "its name"
            ),
        ),
        (
            {"instance_url": "ftp://dev1"},
            "Setting instance_url is 'ftp://dev1': give the instance's full URL, or just its name",
        ),
        (
            {"auth_method": "oauth"},
            "Setting auth_method is 'oauth': it can be oauth_client_credentials, basic",
        ),
        (
            {"client_id": None},
            "Setting client_id is missing: auth_method oauth_client_credentials needs it",
        ),
        (
            {"client_secret": None},
            (
                "Setting client_secret is missing: give it, or keep it in the credential store "
                "under https://dev1.service-now.com (with the keyring extra installed)"
            ),
        ),
        (
            {"auth_method": "basic"},
            "Setting username is missing: auth_method basic needs it",
        ),
        (
            {"auth_method": "basic", "username": "u"},
            (
                "Setting password is missing: give it, or keep it in the credential store under "
                "https://dev1.service-now.com (with the keyring extra installed)"
            ),
        ),
        (
            {"mapping": "no-such.yml"},
            (
                "Setting mapping: 'no-such.yml' is neither a shipped profile (default) nor a file "
                "that can be read"
            ),
        ),
        ({"mapping_overrides": [1]}, "Setting mapping_overrides must be of type object or null"),
        (
            {"unmapped_streams": "drop"},
            "Setting unmapped_streams is 'drop': it can be fail, skip, passthrough",
        ),
        ({"batch_size_rows": 0}, "Setting batch_size_rows is 0: it must be at least 1"),
        ({"workers": 5}, "Setting workers is 5: it can be at most 4"),
        ({"workers": "2"}, "Setting workers must be of type integer or null"),
        ({"checkpoint_seconds": -1}, "Setting checkpoint_seconds is -1: it must be at least 0"),
        (
            {"on_missing_reference": "drop"},
            "Setting on_missing_reference is 'drop': it can be hold, blank, reject",
        ),
        (
            {"on_long_text": "cut"},
            "Setting on_long_text is 'cut': it can be reject, truncate",
        ),
        ({"max_rejects": "no"}, "Setting max_rejects must be of type integer or null"),
        ({"mode": "dry"}, "Setting mode is 'dry': it can be apply, plan"),
        ({"validate_records": 1}, "Setting validate_records must be of type boolean or null"),
        (
            {"max_inactive_percent": 101},
            "Setting max_inactive_percent is 101: it can be at most 100",
        ),
        ({"max_inactive_percent": -1}, "Setting max_inactive_percent is -1: it must be at least 0"),
        ({"ledger_keep_days": -1}, "Setting ledger_keep_days is -1: it must be at least 0"),
        ({"ledger_keep_days": "all"}, "Setting ledger_keep_days must be of type integer or null"),
        ({"max_rejects": -1}, "Setting max_rejects is -1: it must be at least 0"),
        ({"batch_size_rows": 2.5}, "Setting batch_size_rows must be of type integer or null"),
        ({"max_retries": -1}, "Setting max_retries is -1: it must be at least 0"),
        (
            {"connect_timeout_seconds": 0},
            "Setting connect_timeout_seconds is 0: it must be at least 1",
        ),
        ({"read_timeout_seconds": 0}, "Setting read_timeout_seconds is 0: it must be at least 1"),
        (
            {"instance_url": ""},
            "Setting instance_url is '': give the instance's full URL, or just its name",
        ),
        ({"mapping": ["default"]}, "Setting mapping must be of type string or null"),
        (
            {"mapping_overrides": {"tables": ["proc_vendor"]}},
            "Mapping default: it needs `tables`, each with its columns",
        ),
        (
            {"mapping_overrides": {"tables": {"proc_vendor": {"columns": ["fax"]}}}},
            (
                "Mapping default, table proc_vendor: columns must name each column with what it is "
                "made from"
            ),
        ),
        ({"verify_ssl": "yes"}, "Setting verify_ssl must be of type boolean or null"),
        ({"ca_bundle": "no-such.pem"}, "Setting ca_bundle: there is no file no-such.pem"),
    ],
)
def test_a_wrong_setting(given: dict[str, t.Any], changes: dict[str, t.Any], sentence: str) -> None:
    with pytest.raises(Exception, match=r"^(Setting|Mapping) ") as caught:
        TargetServiceNow(config={**given, **changes})
    assert str(caught.value) == sentence
    assert "hush" not in sentence


def test_a_null_is_a_setting_left_out(given: dict[str, t.Any]) -> None:
    nulls = dict.fromkeys(DEFAULTS.keys() - {"ledger_path"})
    target = TargetServiceNow(config={**given, **nulls})
    assert {name: target.config[name] for name in nulls} == {name: DEFAULTS[name] for name in nulls}
    target.finish("finished")


def test_a_setting_left_out(given: dict[str, t.Any]) -> None:
    del given["instance_url"]
    with pytest.raises(SettingError) as caught:
        TargetServiceNow(config=given)
    assert str(caught.value) == (
        "Setting instance_url is missing: give it in the configuration or as "
        "TARGET_SERVICENOW_INSTANCE_URL"
    )


@pytest.mark.parametrize(
    ("changes", "verify"),
    [({}, True), ({"verify_ssl": False}, False), ({"verify_ssl": False, "ca_bundle": "x"}, False)],
)
def test_the_connection(changes: dict[str, t.Any], *, verify: bool) -> None:
    made = connection({**DEFAULTS, **GIVEN, **changes})
    assert made.instance_url == "https://dev1.service-now.com"
    assert (made.connect_timeout_seconds, made.read_timeout_seconds) == (10, 90)
    assert (made.max_retries, made.verify) == (5, verify)


def test_a_ca_bundle() -> None:
    bundle = certifi.where()
    assert connection({**DEFAULTS, **GIVEN, "ca_bundle": bundle}).verify == bundle


def test_credentials_by_method() -> None:
    basic = {"auth_method": "basic", "username": "u", "password": "p"}
    assert credentials({**DEFAULTS, **GIVEN}) == ("c", "hush")
    assert credentials({**DEFAULTS, **GIVEN, **basic}) == ("u", "p")


def test_a_missing_secret_comes_from_the_credential_store(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Store:
        class errors:  # noqa: N801 - the module's name
            class KeyringError(Exception): ...

        @staticmethod
        def get_password(service: str, user: str) -> str:
            asked.append((service, user))
            return "kept"

    monkeypatch.setitem(sys.modules, "keyring", Store)
    monkeypatch.setitem(sys.modules, "keyring.errors", Store.errors)
    config = {**DEFAULTS, **GIVEN, "client_secret": ""}
    assert credentials(config) == ("c", "kept")
    assert asked == [("https://dev1.service-now.com", "c")]


def test_later_files_come_over_earlier_ones(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"workers": 1, "mapping": "ü"}', encoding="utf-8")
    (tmp_path / "b.json").write_text('{"workers": 2}', encoding="utf-8")
    paths = [str(tmp_path / name) for name in ("a.json", "b.json")]
    assert read_files(paths) == {"workers": 2, "mapping": "ü"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "Configuration {} cannot be read: name a JSON file with the settings"),
        (
            b"[1]",
            (
                "Configuration {} is not a JSON object: write the settings into it as "
                '{{"instance_url": "...", ...}}'
            ),
        ),
        (
            b"\xff",
            (
                "Configuration {} is not a JSON object: write the settings into it as "
                '{{"instance_url": "...", ...}}'
            ),
        ),
    ],
)
def test_a_file_that_holds_no_settings(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / "config.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingError) as caught:
        read_files([str(path)])
    assert str(caught.value) == sentence.format(path)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("WORKERS", "two", "Setting workers: the variable {} must be a whole number"),
        ("MAX_REJECTS", "", "Setting max_rejects: the variable {} must be a whole number"),
        (
            "MAPPING_OVERRIDES",
            "{",
            "Setting mapping_overrides: the variable {} must be a JSON object",
        ),
        ("WORKERS", " 2 ", ""),
        ("MAPPING_OVERRIDES", "{}", ""),
        ("MAPPING", "{", ""),
    ],
)
def test_environment_variables(name: str, text: str, sentence: str) -> None:
    variable = f"TARGET_SERVICENOW_{name}"
    assert misread_variable({variable: text}, "target-servicenow") == sentence.format(variable)
