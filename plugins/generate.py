"""Generates what is said about the two plugins in other places from their ``--about`` and commands.

Writes the Meltano Hub definitions (plugins/hub), the lock files Meltano reads a plugin's settings
from (plugins/extractors, plugins/loaders), the tables of settings and streams in the packages'
READMEs, the table of streams and tables in the README, and the page of what ServiceNow needs.
``--check`` writes nothing and fails when one of them has drifted.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import yaml

from tap_sage300.read_log import Sage300ReadLog
from tap_sage300.streams import STREAMS
from target_servicenow import requirements
from target_servicenow.commands.group import ledger
from target_servicenow.mapping.parse import load

if t.TYPE_CHECKING:
    from tap_sage300.reading.entity import Entity
    from target_servicenow.mapping.profile import Table

ROOT = Path(__file__).parent.parent
VARIANT = "sage300-servicenow"
PLUGINS = {
    "tap-sage300": ("extractors", "Sage 300"),
    "target-servicenow": ("loaders", "ServiceNow"),
}
KINDS = {"integer": "integer", "boolean": "boolean", "array": "array", "object": "object"}


def about(plugin: str) -> dict[str, t.Any]:
    """Return what a plugin says about itself."""
    executable = Path(sys.executable).parent / plugin
    printed = subprocess.run(  # noqa: S603 - our own executable
        [str(executable), "--about", "--format", "json"],
        check=True,
        capture_output=True,
        encoding="utf-8",
    ).stdout
    document: dict[str, t.Any] = json.loads(printed)
    return document


def setting(name: str, schema: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return one setting as Meltano describes it."""
    types = [kind for kind in _listed(schema.get("type", "string")) if kind != "null"]
    described: dict[str, t.Any] = {
        "name": name,
        "label": schema.get("title", name),
        "description": schema.get("description", ""),
        "kind": KINDS.get(types[0], "string"),
    }
    if "enum" in schema:
        described["kind"] = "options"
        described["options"] = [
            {"label": value, "value": value} for value in schema["enum"] if value is not None
        ]
    elif schema.get("format") in {"date", "date-time"}:
        described["kind"] = "date_iso8601"
    if schema.get("secret"):
        described["sensitive"] = True
    if "default" in schema:
        described["value"] = schema["default"]
    return described


def definition(plugin: str, document: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return a Meltano Hub definition."""
    settings = document["settings"]["properties"]
    described = [setting(name, settings[name]) for name in sorted(settings)]
    return {
        "capabilities": sorted(document["capabilities"]),
        **({"commands": commands()} if plugin == "target-servicenow" else {}),
        "description": document["description"],
        "executable": plugin,
        "keywords": ["meltano_sdk"],
        "label": PLUGINS[plugin][1],
        "maintenance_status": "active",
        "name": plugin,
        "namespace": plugin.replace("-", "_"),
        "pip_url": plugin,
        "quality": "unknown",
        "settings": described,
        "settings_group_validation": [sorted(document["settings"].get("required", []))],
        "variant": VARIANT,
    }


def commands() -> dict[str, dict[str, str]]:
    """Return what ``meltano invoke target-servicenow:NAME`` runs, by its name."""
    return {
        name: {
            "args": f"ledger {name}",
            "description": (command.help or "").partition("\n\n")[0].replace("\n", " "),
        }
        for name, command in ledger.commands.items()
    }


def markdown(document: dict[str, t.Any]) -> str:
    """Return the settings as a table, the required ones first."""
    properties = document["settings"]["properties"]
    required = document["settings"].get("required", [])
    lines = ["| Setting | Default | What it is for |", "|---|---|---|"]
    for name in sorted(properties, key=lambda name: name not in required):
        schema = properties[name]
        notes = [schema.get("description", "")]
        if "enum" in schema:
            notes.append("One of " + ", ".join(f"`{v}`" for v in schema["enum"] if v) + ".")
        if schema.get("secret"):
            notes.append("Secret.")
        default = f"`{json.dumps(schema['default'])}`" if "default" in schema else ""
        default = "required" if name in required else default
        lines.append(f"| `{name}` | {default} | {' '.join(notes)} |".replace("\n", " "))
    return "\n".join(lines) + "\n"


def streams() -> str:
    """Return the tap's streams as a table, in the order in which they are read."""
    lines = [
        (
            "| Stream | Module | Key besides `CompanyID` | Replication key | Selected by default "
            "| How changes are found |"
        ),
        "|---|---|---|---|---|---|",
    ]
    for stream in STREAMS:
        entity = stream.entity
        keys = ", ".join(f"`{key}`" for key in entity.keys)
        cells = [
            f"`{entity.name}`",
            entity.module,
            keys,
            f"`{entity.date}`" if entity.date else "",
            "yes" if stream.selected_by_default else "no",
            _changes(entity),
        ]
        lines.append(f"| {' | '.join(cells)} |".replace("|  |", "| |"))
    keys = ", ".join(f"`{key}`" for key in Sage300ReadLog.keys[1:])
    lines.append(f"| `{Sage300ReadLog.name}` | | {keys} | | no | written as it happens |")
    return "\n".join(lines) + "\n"


def _changes(entity: Entity) -> str:
    if entity.is_dated:
        return "by date, and until final" if entity.status else "by date"
    if entity.date is None:
        return "read whole"
    better = "; by date where the site has a date of change" if entity.better_dates else ""
    return f"read whole, in between new records by date{better}"


def tables() -> str:
    """Return the tables of the default mapping, with the streams that fill them."""
    lines = [
        "| Sage 300 | ServiceNow | Row for each | Identifier |",
        "|---|---|---|---|",
    ]
    profile = load("default")
    for table in sorted(profile.tables, key=lambda table: _position(table.stream)):
        parts = [profile.source_of(table), "{company}", table.entity]
        parts += [f"{{{part.text}}}" for part in table.key]
        optional = " (optional)" if table.optional else ""
        cells = (
            f"`{table.stream}`",
            f"`{table.name}`{optional}",
            _row(table),
            f"`{':'.join(parts)}`",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _position(stream: str) -> int:
    return [one.entity.name for one in STREAMS].index(stream)


def _row(table: Table) -> str:
    row = f"entry of `{'.'.join(table.each)}`" if table.each else "record"
    return f"{row} with `{table.where.text}`" if table.where else row


def _between(text: str, marker: str, content: str) -> str:
    """Return the text with other content between ``<!-- marker -->`` and ``<!-- /marker -->``."""
    pattern = rf"(?<=<!-- {marker} -->\n).*?(?=<!-- /{marker} -->)"
    return re.sub(pattern, lambda _: content, text, flags=re.DOTALL)


def generated() -> dict[Path, str]:
    """Return every generated file, with its text."""
    files = {}
    for plugin, (kind, _) in PLUGINS.items():
        document = about(plugin)
        hub = definition(plugin, document)
        files[ROOT / "plugins" / "hub" / kind / f"{plugin}.yml"] = yaml.safe_dump(
            hub, sort_keys=True, allow_unicode=True, width=100
        )
        lock = {"plugin_type": kind, **hub}
        for name in ("keywords", "maintenance_status", "quality"):
            del lock[name]
        files[ROOT / "plugins" / kind / f"{plugin}--{VARIANT}.lock"] = (
            json.dumps(lock, indent=2, ensure_ascii=False) + "\n"
        )
        readme = ROOT / plugin / "README.md"
        text = _between(readme.read_text(encoding="utf-8"), "settings", markdown(document))
        files[readme] = _between(text, "streams", streams())
    readme = ROOT / "README.md"
    files[readme] = _between(readme.read_text(encoding="utf-8"), "tables", tables())
    page = ROOT / "docs" / "servicenow-requirements.md"
    files[page] = requirements.page(load("default"))
    return files


def _listed(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else [value]


def main() -> int:
    """Write the files, or with ``--check`` name those that have drifted."""
    drifted = [
        path
        for path, text in generated().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if "--check" in sys.argv[1:]:
        for path in drifted:
            print(f"{path.relative_to(ROOT)} has drifted from the packages: run `make plugins`")
        return 1 if drifted else 0
    for path, text in generated().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
