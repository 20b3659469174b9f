"""The packages on Windows: nothing that only POSIX has, but for where the code asks first.

What Windows has is read from the stubs of the standard library that mypy brings along. ``make
lint`` also runs mypy as on Windows, which follows types; this reads names alone, in a second.
"""

from __future__ import annotations

import ast
import functools
import sys
import typing as t
from pathlib import Path

import mypy
import pytest

if t.TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
STUBS = Path(t.cast("str", mypy.__file__)).parent / "typeshed" / "stdlib"
MODULES = sorted(
    path
    for package in ("tap-sage300", "target-servicenow", "sandbox")
    for path in (ROOT / package).rglob("*.py")
)
ELSEWHERE = ("rename", "symlink_to", "hardlink_to", "lchmod")
"""Methods of paths that Windows lacks, needs rights for, or refuses where the name is taken."""
MEANT = {"target-servicenow/target_servicenow/ledger/file.py": [".rename()"]}
"""A new ledger is never renamed over another one, and Windows would refuse that, too."""
TEXTS = ("/dev/", "/tmp", "/proc/", "%-d", "%-m", "%-H", "%s %z")
"""Paths that are not there, and formats of times that the C library of Windows refuses."""


def holds(test: ast.expr, platform: str) -> bool | None:
    """Whether a condition about the platform holds; None if it is about something else."""
    if isinstance(test, ast.BoolOp):
        parts = [holds(part, platform) for part in test.values]
        if isinstance(test.op, ast.And):
            return False if False in parts else (None if None in parts else True)
        return True if True in parts else (None if None in parts else False)
    match ast.unparse(test).split():
        case ["sys.platform", "==", name]:
            return ast.literal_eval(name) == platform
        case ["sys.platform", "!=", name]:
            return ast.literal_eval(name) != platform
    return None


def statements(body: list[ast.stmt], platform: str) -> Iterator[ast.stmt]:
    """The statements that a platform sees, those under other conditions included."""
    for statement in body:
        if isinstance(statement, ast.If):
            known = holds(statement.test, platform)
            if known is not False:
                yield from statements(statement.body, platform)
            if known is not True:
                yield from statements(statement.orelse, platform)
        else:
            yield statement


@functools.cache
def names(module: str, platform: str) -> frozenset[str]:
    """The names that a module of the standard library has on a platform."""
    path = STUBS / f"{module.replace('.', '/')}.pyi"
    path = path if path.is_file() else STUBS / module.replace(".", "/") / "__init__.pyi"
    if not path.is_file():
        return frozenset()
    found: set[str] = set()
    for statement in statements(ast.parse(path.read_text(encoding="utf-8")).body, platform):
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(statement.name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]):
                found.add(name)
            case ast.ImportFrom(names=aliases):
                for alias in aliases:
                    if alias.name == "*":
                        found |= names(statement.module or "", platform)
                    elif alias.asname == alias.name:  # which re-exports it
                        found.add(alias.name)
    return frozenset(found)


def is_missing(module: str, name: str) -> bool:
    """Whether Linux has a name of the standard library and Windows has not."""
    return name in names(module, "linux") - names(module, "win32")


def is_posix(module: str) -> bool:
    """Whether a module is there on Windows, too, but for constants of its kind."""
    linux = {name for name in names(module, "linux") if not name.startswith("_")}
    return bool(linux) and not linux & names(module, "win32")


def missing_on_windows(tree: ast.Module) -> list[str]:
    """What a module uses that Windows does not have, outside of branches for other systems."""
    seen = list(windows_nodes(tree))
    modules = {
        alias.asname or alias.name: alias.name
        for node in seen
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    found = [f"import {name}" for name in modules.values() if is_posix(name)]
    for node in seen:
        match node:
            case ast.ImportFrom(module=str(module), names=aliases):
                found += [
                    f"{module}.{alias.name}"
                    for alias in aliases
                    if is_posix(module) or is_missing(module, alias.name)
                ]
            case ast.Attribute(value=ast.Name(id=alias), attr=name) if alias in modules:
                if is_missing(modules[alias], name):
                    found.append(f"{modules[alias]}.{name}")
            case ast.Call(func=ast.Attribute(attr=name)) if name in ELSEWHERE:
                found.append(f".{name}()")
            case ast.keyword(arg="shell" | "preexec_fn" | "start_new_session" as name):
                found.append(f"{name}=")
            case ast.Constant(value=str(text)):
                found += [part for part in TEXTS if text.startswith(part)]
    return found


def windows_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that Windows sees; what is asked for with hasattr has a way around."""
    for _, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST):
                continue
            if isinstance(child, ast.If):
                yield from (child.test, *windows_nodes(child.test))
                for part in windows_branches(child):
                    yield from (part, *windows_nodes(part))
                continue
            yield child
            yield from windows_nodes(child)


def windows_branches(branch: ast.If) -> list[ast.stmt]:
    asked = "hasattr(" in ast.unparse(branch.test)
    known = False if asked else holds(branch.test, "win32")
    then = [] if known is False else branch.body
    return then if known is True else [*then, *branch.orelse]


@pytest.mark.parametrize("package", ["tap-sage300", "target-servicenow", "sandbox"])
def test_windows_has_what_a_package_uses(package: str) -> None:
    """Kind: a module that cannot be imported, or a call that fails, on the users' own system."""
    modules = [path for path in MODULES if (ROOT / package) in path.parents]
    assert len(modules) > 20
    used = {
        str(path.relative_to(ROOT)): missing_on_windows(ast.parse(path.read_text(encoding="utf-8")))
        for path in modules
    }
    meant = {path: found for path, found in MEANT.items() if path in used}
    assert {path: found for path, found in used.items() if found} == meant


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import fcntl", ["import fcntl"]),
        ("from pwd import getpwuid", ["pwd.getpwuid"]),
        ("import os\nos.fork()", ["os.fork"]),
        ("import os\nos.replace('a', 'b')", []),
        ("import signal as s\ns.signal(s.SIGHUP, f)", ["signal.SIGHUP"]),
        ("import signal\nsignal.signal(signal.SIGTERM, f)", []),
        ("from signal import SIGKILL", ["signal.SIGKILL"]),
        ("import socket\nsocket.AF_UNIX", ["socket.AF_UNIX"]),
        ("import sys\nif sys.platform != 'win32':\n  import fcntl", []),
        ("import sys\nif sys.platform == 'win32':\n  import fcntl", ["import fcntl"]),
        ("import sys\nif sys.platform == 'win32':\n  pass\nelse:\n  import fcntl", []),
        ("import os\nif hasattr(os, 'fork'):\n  os.fork()", []),
        ("import os\nif hasattr(os, 'fork'):\n  pass\nelse:\n  os.getuid()", ["os.getuid"]),
        ("path.rename('x')", [".rename()"]),
        ("open('/dev/null')", ["/dev/"]),
        ("run('ls', shell=True)", ["shell="]),
    ],
)
def test_what_windows_lacks_is_found(code: str, found: list[str]) -> None:
    assert missing_on_windows(ast.parse(code)) == found


@pytest.mark.skipif(sys.platform == "win32", reason="compares with a system that is not Windows")
def test_the_stubs_know_this_system() -> None:
    """So that a change of their layout cannot make the other tests see nothing."""
    import os  # noqa: PLC0415
    import signal  # noqa: PLC0415

    for module in (os, signal):
        known = names(module.__name__, "linux")
        assert {"fork", "getuid", "SIGHUP", "alarm"} & set(dir(module)) <= known
    assert len(MODULES) > 100
