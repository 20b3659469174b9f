"""Reading settings, and the sentence for each invalid one."""

from __future__ import annotations

import shutil
import sys
import typing as t

import certifi
import pytest

from target_servicenow.config import SettingError, check_environment, read, read_files
from target_servicenow.credentials import credentials
from target_servicenow.settings import SCHEMA
from target_servicenow.target import TargetServiceNow

if t.TYPE_CHECKING:
    from pathlib import Path

URL = (
    "The setting instance_url must be the instance's full URL, such as "
    "https://dev12345.service-now.com, or just its name, such as dev12345"
)
STORE = (
    "The setting {} is missing; to keep it in the operating system's credential store instead, "
    "install target-servicenow[keyring]"
)
REQUIRED = {"instance_url": "dev1", "client_id": "c", "client_secret": "hush"}
DEFAULTS = {
    name: definition["default"]
    for name, definition in SCHEMA["properties"].items()
    if "default" in definition
}


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, t.Any]:
    return {**REQUIRED, "ledger_path": str(tmp_path / "ledger.sqlite")}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"instance_url": None},
            (
                "The setting instance_url is missing: give it in the configuration file or as the "
                "environment variable TARGET_SERVICENOW_INSTANCE_URL"
            ),
        ),
        (
            {"instance_url": "http//one two"},
            URL,
        ),
        (
            {"instance_url": "ftp://dev1"},
            URL,
        ),
        (
            {"auth_method": "oauth"},
            "The setting auth_method must be one of oauth_client_credentials, basic",
        ),
        (
            {"client_id": None},
            "The setting client_id is missing: auth_method oauth_client_credentials needs it",
        ),
        (
            {"client_secret": None},
            STORE.format("client_secret"),
        ),
        (
            {"auth_method": "basic"},
            "The setting username is missing: auth_method basic needs it",
        ),
        (
            {"auth_method": "basic", "username": "u"},
            STORE.format("password"),
        ),
        (
            {"mapping": "no-such.yml"},
            (
                "The setting mapping names 'no-such.yml', which is neither a shipped profile "
                "(default) nor a file that can be read"
            ),
        ),
        ({"mapping_overrides": [1]}, "The setting mapping_overrides must be an object"),
        (
            {"unmapped_streams": "drop"},
            "The setting unmapped_streams must be one of fail, skip, passthrough",
        ),
        ({"batch_size_rows": 0}, "The setting batch_size_rows must be 1 or more"),
        ({"workers": 5}, "The setting workers must be 4 or less"),
        ({"workers": "2"}, "The setting workers must be a whole number"),
        ({"checkpoint_seconds": -1}, "The setting checkpoint_seconds must be 0 or more"),
        (
            {"on_missing_reference": "drop"},
            "The setting on_missing_reference must be one of hold, blank, reject",
        ),
        (
            {"on_long_text": "cut"},
            "The setting on_long_text must be one of reject, truncate",
        ),
        ({"max_rejects": "no"}, "The setting max_rejects must be a whole number"),
        ({"mode": "dry"}, "The setting mode must be one of apply, plan"),
        ({"validate_records": 1}, "The setting validate_records must be true or false"),
        (
            {"max_inactive_percent": 101},
            "The setting max_inactive_percent must be 100 or less",
        ),
        ({"max_inactive_percent": -1}, "The setting max_inactive_percent must be 0 or more"),
        ({"ledger_keep_days": -1}, "The setting ledger_keep_days must be 0 or more"),
        ({"ledger_keep_days": "all"}, "The setting ledger_keep_days must be a whole number"),
        ({"max_rejects": -1}, "The setting max_rejects must be 0 or more"),
        ({"batch_size_rows": 2.5}, "The setting batch_size_rows must be a whole number"),
        ({"max_retries": -1}, "The setting max_retries must be 0 or more"),
        (
            {"connect_timeout_seconds": 0},
            "The setting connect_timeout_seconds must be 1 or more",
        ),
        ({"read_timeout_seconds": 0}, "The setting read_timeout_seconds must be 1 or more"),
        (
            {"instance_url": ""},
            URL,
        ),
        ({"mapping": ["default"]}, "The setting mapping must be text"),
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
        ({"verify_ssl": "yes"}, "The setting verify_ssl must be true or false"),
        (
            {"ca_bundle": "no-such.pem"},
            "The setting ca_bundle names no-such.pem, which is not a PEM file of certificates",
        ),
        (
            {"ca_bundle": __file__},
            f"The setting ca_bundle names {__file__}, which is not a PEM file of certificates",
        ),
    ],
)
def test_an_invalid_setting(
    settings: dict[str, t.Any], changes: dict[str, t.Any], sentence: str
) -> None:
    with pytest.raises(Exception, match=r"^(The setting|Mapping) ") as caught:
        TargetServiceNow(config={**settings, **changes})
    assert str(caught.value) == sentence
    assert "hush" not in sentence


def test_null_means_the_default(settings: dict[str, t.Any]) -> None:
    nulls = dict.fromkeys(DEFAULTS.keys() - {"ledger_path"})
    config = read({**settings, **nulls})
    assert {name: getattr(config, name) for name in nulls} == {
        name: DEFAULTS[name] for name in nulls
    }


def test_a_missing_setting(settings: dict[str, t.Any]) -> None:
    del settings["instance_url"]
    with pytest.raises(SettingError) as caught:
        TargetServiceNow(config=settings)
    assert str(caught.value) == (
        "The setting instance_url is missing: give it in the configuration file or as the "
        "environment variable TARGET_SERVICENOW_INSTANCE_URL"
    )


def test_an_unknown_setting_is_ignored_with_a_warning(
    settings: dict[str, t.Any], caplog: pytest.LogCaptureFixture
) -> None:
    target = TargetServiceNow(config={**settings, "page_size": 1})
    target.finish("finished")
    assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == [
        "The setting page_size is not known to target-servicenow: ignored"
    ]


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("dev12345", "https://dev12345.service-now.com"),
        (" dev12345/ ", "https://dev12345.service-now.com"),
        ("https://example.com/", "https://example.com"),
        ("http://127.0.0.1:8301", "http://127.0.0.1:8301"),
    ],
)
def test_instance_url(setting: str, url: str) -> None:
    assert read({**REQUIRED, "instance_url": setting}).instance_url == url


@pytest.mark.parametrize(
    ("changes", "verify"),
    [
        ({}, True),
        ({"verify_ssl": False}, False),
        ({"ca_bundle": certifi.where()}, certifi.where()),
        ({"verify_ssl": False, "ca_bundle": certifi.where()}, False),
    ],
)
def test_connection(changes: dict[str, t.Any], verify: str | bool) -> None:  # noqa: FBT001
    connection = read({**REQUIRED, **changes}).connection
    assert connection.instance_url == "https://dev1.service-now.com"
    assert (connection.connect_timeout_seconds, connection.read_timeout_seconds) == (10, 90)
    assert (connection.max_retries, connection.verify) == (5, verify)


def test_credentials_by_auth_method() -> None:
    basic = {"auth_method": "basic", "username": "u", "password": "p"}
    assert credentials(read(REQUIRED)) == ("c", "hush")
    assert credentials(read({**REQUIRED, **basic})) == ("u", "p")


class Store:
    """A credential store with one entry, or one that fails."""

    class errors:  # noqa: N801 - the module's name
        class KeyringError(Exception): ...

    def __init__(self, entry: tuple[str, str, str] | None) -> None:
        self.entry = entry

    def get_password(self, service: str, user: str) -> str | None:
        if self.entry is None:
            raise self.errors.KeyringError
        return self.entry[2] if self.entry[:2] == (service, user) else None


def test_a_missing_secret_comes_from_the_credential_store(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(("https://dev1.service-now.com", "c", "kept"))
    monkeypatch.setitem(sys.modules, "keyring", store)
    assert credentials(read({**REQUIRED, "client_secret": ""})) == ("c", "kept")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (
            ("https://dev2.service-now.com", "c", "no"),
            (
                "has none for service https://dev1.service-now.com and user c: give the setting, "
                "or store it there, as the account that runs the target"
            ),
        ),
        (None, "cannot be opened (KeyringError): unlock it, or give the setting"),
    ],
)
def test_a_secret_missing_from_the_credential_store(
    monkeypatch: pytest.MonkeyPatch, entry: tuple[str, str, str] | None, reason: str
) -> None:
    """Kind: a locked store that is said to be empty."""
    monkeypatch.setitem(sys.modules, "keyring", Store(entry))
    with pytest.raises(SettingError) as caught:
        credentials(read({**REQUIRED, "client_secret": ""}))
    assert str(caught.value) == (
        "The setting client_secret is missing, and the operating system's credential store "
        f"{reason}"
    )


def test_a_byte_order_mark_and_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: a file as editors on Windows save it, and paths in the user's own folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "a.json").write_text('{"workers": 1}', encoding="utf-8-sig")
    assert read_files(["~/a.json"]) == {"workers": 1}
    shutil.copy(certifi.where(), tmp_path / "ca.pem")
    given = {**REQUIRED, "ledger_path": "~/l.sqlite", "ca_bundle": "~/ca.pem"}
    config = read(given)
    assert (config.ledger_path, config.ca_bundle) == (tmp_path / "l.sqlite", tmp_path / "ca.pem")
    assert str(read({**REQUIRED, "ledger_path": "~nobody-here/l"}).ledger_path) == "~nobody-here/l"


def test_later_files_override_earlier_ones(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"workers": 1, "mapping": "ü"}', encoding="utf-8")
    (tmp_path / "b.json").write_text('{"workers": 2}', encoding="utf-8")
    paths = [str(tmp_path / name) for name in ("a.json", "b.json")]
    assert read_files(paths) == {"workers": 2, "mapping": "ü"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "Configuration file {} cannot be read: name a JSON file with the settings"),
        (
            b"[1]",
            (
                "Configuration file {} is not a JSON object: write the settings into it as "
                '{{"instance_url": "...", ...}}'
            ),
        ),
        (
            '{"mapping": "x"}'.encode("utf-16"),
            "Configuration file {} is not UTF-8 text (it looks like UTF-16): save it as UTF-8",
        ),
        (
            '{"mapping": "é"}'.encode("cp1252"),
            (
                "Configuration file {} is not UTF-8 text (it looks like Windows-1252): save it as "
                "UTF-8"
            ),
        ),
    ],
)
def test_a_file_that_is_not_a_json_object(
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
        ("WORKERS", "two", "The setting workers must be a whole number (environment variable {})"),
        (
            "MAX_REJECTS",
            "",
            "The setting max_rejects must be a whole number (environment variable {})",
        ),
        (
            "MAPPING_OVERRIDES",
            "{",
            "The setting mapping_overrides must be an object (environment variable {})",
        ),
    ],
)
def test_invalid_environment_variables(name: str, text: str, sentence: str) -> None:
    variable = f"TARGET_SERVICENOW_{name}"
    with pytest.raises(SettingError) as caught:
        check_environment({variable: text})
    assert str(caught.value) == sentence.format(variable)


def test_valid_environment_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = {"WORKERS": " 2 ", "MAPPING_OVERRIDES": "{}", "VERIFY_SSL": "no"}
    for name, text in given.items():
        monkeypatch.setenv(f"TARGET_SERVICENOW_{name}", text)
    config = {**REQUIRED, "ledger_path": str(tmp_path / "ledger.sqlite")}
    target = TargetServiceNow(config=config, parse_env_config=True, setup_mapper=False)
    values = read(target.config)
    assert (values.workers, values.mapping_overrides) == (2, {})
    assert values.connection.verify is False
