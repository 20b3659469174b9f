"""``make schemas``: the schema files, from what a site or the sandbox says of itself."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from tap_sage300.streams import STREAMS

PACKAGE = Path(__file__).parents[2] / "tap-sage300"
SHIPPED = {path.name: path.read_text() for path in (PACKAGE / "tap_sage300/schemas").iterdir()}
VARIABLES = ("api_url", "companies", "username", "password")


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("make_schemas", PACKAGE / "make_schemas.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(PACKAGE / "tap_sage300/schemas", tmp_path / "schemas"))


@pytest.fixture
def as_site(site, monkeypatch):
    """Name the sandbox in the environment, as a site."""
    for name in VARIABLES:
        value = site.config[name]
        text = json.dumps(value) if isinstance(value, list) else value
        monkeypatch.setenv(f"TAP_SAGE300_{name.upper()}", text)
    return site


def written(folder):
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_the_sandbox_changes_nothing_that_is_shipped(script, folder):
    script.main(folder)
    assert written(folder) == SHIPPED


@pytest.mark.parametrize("is_site", [True, False], ids=["site", "sandbox"])
def test_a_missing_file_is_made(script, folder, is_site, request, capsys):
    if is_site:
        request.getfixturevalue("as_site")
    (folder / "APTerms.json").unlink()
    script.main(folder)
    assert "APTerms.json has changed" in capsys.readouterr().out
    made = json.loads((folder / "APTerms.json").read_text(encoding="utf-8"))["properties"]
    assert list(made)[:2] == ["CompanyID", "TermsCode"]
    assert made["TermsCode"] == {"type": "string"}
    assert made["DateLastMaintained"] == {"type": ["string", "null"], "format": "date-time"}
    assert made.keys() == json.loads(SHIPPED["APTerms.json"])["properties"].keys()


@pytest.mark.usefixtures("as_site")
def test_a_site_adds_what_it_has_and_narrows_nothing(as_site, script, folder):
    as_site.behave(site_properties={"APVendors": {"PartnerRating": "decimal 3"}})
    script.main(folder)
    now = {name: json.loads(text)["properties"] for name, text in written(folder).items()}
    for name, text in SHIPPED.items():
        for prop, schema in json.loads(text)["properties"].items():
            assert now[name][prop]["type"] == schema["type"], (name, prop)
    added = now["APVendors.json"].keys() - json.loads(SHIPPED["APVendors.json"])["properties"]
    assert added == {"PartnerRating"}


@pytest.mark.usefixtures("as_site")
def test_a_site_that_forbids_a_module_leaves_its_files(as_site, script, folder, capsys):
    as_site.behave(forbidden_modules={"SAMINC": ["AP"]})
    assert script.main(folder) == 1
    errors = capsys.readouterr().err
    assert "for module AP in the user's security group" in errors
    for stream in STREAMS:
        if stream.entity.module == "AP":
            name = f"{stream.entity.name}.json"
            assert f"{stream.entity.name} is not described there" in errors
            assert (folder / name).read_text(encoding="utf-8") == SHIPPED[name]
