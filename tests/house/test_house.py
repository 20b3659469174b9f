"""The layout of the packages, as far as import-linter (``make lint``) does not see it."""

from __future__ import annotations

import ast
import importlib
import typing as t
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = {
    "tap_sage300": ROOT / "tap-sage300" / "tap_sage300",
    "target_servicenow": ROOT / "target-servicenow" / "target_servicenow",
}
SDK_CLASSES = (
    "singer_sdk.plugin_base:SingerCommand",
    "singer_sdk.sinks:BatchSink",
    "singer_sdk.streams:Stream",
    "singer_sdk.singerlib.encoding:SimpleSingerReader",
    "singer_sdk.singerlib.encoding:SimpleSingerWriter",
    "singer_sdk.contrib.msgspec:MsgSpecWriter",
    "singer_sdk.tap_base:Tap",
    "singer_sdk.target_base:Target",
)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def sdk_private_names() -> frozenset[str]:
    """Private methods of the SDK's classes, and the attributes they set on themselves."""
    names: set[str] = set()
    for place in SDK_CLASSES:
        module, _, name = place.partition(":")
        for cls in getattr(importlib.import_module(module), name).__mro__:
            if cls.__module__.startswith("singer_sdk"):
                names |= {attribute for attribute in vars(cls) if is_private(attribute)}
                source = Path(t.cast("str", importlib.import_module(cls.__module__).__file__))
                names |= {
                    node.attr
                    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
                    if isinstance(node, ast.Attribute)
                    and isinstance(node.value, ast.Name)
                    and node.value.id == "self"
                    and is_private(node.attr)
                }
    return frozenset(names)


def uses_the_sdk(tree: ast.Module) -> bool:
    """Whether a module has to do with the SDK at all: its own privates may be named like these."""
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    return any(
        module.startswith("singer_sdk") or module.endswith((".sdk", ".client", ".command_line"))
        for module in modules
    )


def private_sdk_names_in(path: Path, known: frozenset[str]) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if not uses_the_sdk(tree):
        return []
    found = []
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("singer_sdk"):
            names = [alias.name for alias in node.names if is_private(alias.name)]
            names += [part for part in (node.module or "").split(".") if is_private(part)]
        elif isinstance(node, ast.Attribute) and node.attr in known:
            names = [node.attr]
        elif isinstance(node, ast.FunctionDef) and node.name in known:
            names = [node.name]
        found += [f"{path.name}:{node.lineno} {name}" for name in names]
    return found


@pytest.mark.parametrize("package", PLUGINS)
def test_private_names_of_the_sdk_stay_in_one_module(package: str) -> None:
    known = sdk_private_names()
    assert {"_validate_config", "_handle_termination", "_sinks_active", "_config"} <= known
    modules = [path for path in PLUGINS[package].rglob("*.py") if path.name != "sdk.py"]
    assert len(modules) > 10
    assert [name for path in modules for name in private_sdk_names_in(path, known)] == []
    assert private_sdk_names_in(PLUGINS[package] / "sdk.py", known) != []
