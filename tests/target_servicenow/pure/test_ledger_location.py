"""Where the ledger is: one place per project and environment, from any folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from target_servicenow.config import read
from target_servicenow.ledger.location import located

REQUIRED = {"instance_url": "dev1", "client_id": "c", "client_secret": "hush"}
PROJECT = {"MELTANO_PROJECT_ROOT": "/srv/Müller & Söhne"}
PROD = {**PROJECT, "MELTANO_ENVIRONMENT": "prod"}


@pytest.mark.parametrize(
    ("given", "environment", "path"),
    [
        (None, PROD, "/srv/Müller & Söhne/output/prod.ledger.sqlite"),
        ("", PROD, "/srv/Müller & Söhne/output/prod.ledger.sqlite"),
        (
            None,
            {**PROJECT, "MELTANO_ENVIRONMENT": "test"},
            "/srv/Müller & Söhne/output/test.ledger.sqlite",
        ),
        (None, PROJECT, "/srv/Müller & Söhne/output/target-servicenow.ledger.sqlite"),
        (None, {}, "target-servicenow.ledger.sqlite"),
        (None, {"MELTANO_ENVIRONMENT": "prod"}, "target-servicenow.ledger.sqlite"),
        ("audit/l.sqlite", PROD, "/srv/Müller & Söhne/audit/l.sqlite"),
        ("audit/l.sqlite", {}, "audit/l.sqlite"),
        ("/var/l.sqlite", PROD, "/var/l.sqlite"),
        ("~/l.sqlite", PROD, "/home/me/l.sqlite"),
    ],
)
def test_the_ledger_follows_the_project(
    monkeypatch: pytest.MonkeyPatch, given: str | None, environment: dict[str, str], path: str
) -> None:
    """Kind: an empty ledger elsewhere, so that held rows are never tried again."""
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("USERPROFILE", "/home/me")
    assert located(given, environment) == Path(path)
    assert read({**REQUIRED, "ledger_path": given}, environment).ledger_path == Path(path)
