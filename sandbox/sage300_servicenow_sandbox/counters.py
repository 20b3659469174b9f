"""How often each side was called: what call budgets and benchmarks are measured by."""

from __future__ import annotations

import re
import threading
import typing as t
from collections import Counter

SAGE300: t.Final = "sage300"
SERVICENOW: t.Final = "servicenow"

OAUTH_PATH: t.Final = "/oauth_token.do"
_RESOURCE = {
    # .../v1.0/-/SAMINC/AP/APVendors('1200') -> AP/APVendors
    SAGE300: re.compile(r"/v1\.0/[^/]+/[^/]+/([A-Za-z]+/[$A-Za-z0-9_]+)"),
    # /api/now/v2/table/proc_vendor/<sys_id> -> table/proc_vendor
    SERVICENOW: re.compile(r"/api/now/(?:v\d+/)?([a-z]+(?:/[A-Za-z0-9_]+)?)"),
}
_MOST_PATHS = 200
_OTHER = "other"


class Counters:
    """Calls per side since the start or the last reset; safe to use from several threads."""

    def __init__(self) -> None:
        """Start with every count at zero."""
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Set every count to zero."""
        with self._lock:
            self._sides = {side: _Side(side) for side in (SAGE300, SERVICENOW)}

    def count(self, side: str, *, method: str, path: str, status: int) -> None:
        """Count one HTTP call; `path` is the request's path without its query."""
        with self._lock:
            self._sides[side].count(method, path, status)

    def count_item(self, side: str, *, method: str, status: int) -> None:
        """Count one request carried inside a Batch API call, which itself counts as one call."""
        with self._lock:
            self._sides[side].count_item(method, status)

    def snapshot(self) -> dict[str, dict[str, t.Any]]:
        """Return the counts of both sides as JSON-ready values.

        Each side has `calls`, `by_method`, `by_status` (keys are text) and `by_path` (resource
        or table names, never keys); ServiceNow also `token_calls` (part of `calls`),
        `batch_items` by method and `batch_items_by_status` (not part of `calls`).
        """
        with self._lock:
            return {name: side.snapshot() for name, side in self._sides.items()}


class _Side:
    def __init__(self, name: str) -> None:
        self._resource = _RESOURCE[name]
        self._has_batches = name == SERVICENOW
        self._by_method: Counter[str] = Counter()
        self._by_status: Counter[str] = Counter()
        self._by_path: Counter[str] = Counter()
        self._items: Counter[str] = Counter({"GET": 0, "POST": 0, "PATCH": 0})
        self._items_by_status: Counter[str] = Counter()
        self._token_calls = 0

    def count(self, method: str, path: str, status: int) -> None:
        self._by_method[method] += 1
        self._by_status[str(status)] += 1
        self._by_path[self._label(path)] += 1
        self._token_calls += path == OAUTH_PATH

    def count_item(self, method: str, status: int) -> None:
        self._items[method] += 1
        self._items_by_status[str(status)] += 1

    def snapshot(self) -> dict[str, t.Any]:
        counts: dict[str, t.Any] = {
            "calls": self._by_method.total(),
            "by_method": dict(self._by_method),
            "by_status": dict(self._by_status),
            "by_path": dict(self._by_path),
        }
        if self._has_batches:
            counts["token_calls"] = self._token_calls
            counts["batch_items"] = dict(self._items)
            counts["batch_items_by_status"] = dict(self._items_by_status)
        return counts

    def _label(self, path: str) -> str:
        """Return the name of the resource in a path, out of a bounded number of names."""
        if path == OAUTH_PATH:
            return path.strip("/")
        found = self._resource.search(path)
        if not found:
            return _OTHER
        label = found[1]
        known = label in self._by_path or len(self._by_path) < _MOST_PATHS
        return label if known else _OTHER
