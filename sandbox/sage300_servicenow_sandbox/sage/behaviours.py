"""What can be switched on the Sage 300 site: one table, each line with what a stock server does.

`sure` says where a line comes from: documented by Sage or Microsoft, measured on real sites by
others, or assumed because the public record is silent.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import asdict, dataclass, field, replace

from sage300_servicenow_sandbox.declared import DeclarationError, read_fields
from sage300_servicenow_sandbox.switches import said, switch

DateLiterals = t.Literal["v4", "quoted", "v3"]

SMALLEST_PAGE: t.Final = 100
LARGEST_PAGE: t.Final = 1000


@dataclass(frozen=True)
class Behaviours:
    """The switches of one site; the defaults are a stock server.

    Raises:
        DeclarationError: The page size is none that the server takes.
    """

    # Reading
    page_size: int = switch(
        "documented", "Most records in an answer, whatever $top says: 100 to 1000.", default=100
    )
    orderby: t.Literal["refused", "accepted"] = switch(
        "assumed", "$orderby, which no document of Sage's names.", default="refused"
    )
    date_literals: t.Literal["v4", "quoted", "v3"] = switch(
        "measured",
        "The one form of a date in $filter: 2026-01-01T00:00:00Z, '2026-01-01' or "
        "datetime'2026-01-01T00:00:00'.",
        default="v4",
    )
    key_order: t.Literal["on", "none"] = switch(
        "assumed", "Records come in key order, or in an order that only looks random.", default="on"
    )
    next_link_host: str = switch(
        "assumed",
        "Scheme and host of links, as behind a reverse proxy; empty, those of the request.",
        default="",
    )

    # The model
    site_properties: dict[str, dict[str, str]] = field(
        default_factory=dict,
        metadata=said(
            "documented",
            "Properties beyond the product's own, by resource and name, with their type.",
        ),
    )
    account_change_date: bool = switch(
        "assumed",
        "GLAccounts has a DateLastMaintained that edits move; stock accounts have none.",
        default=False,
    )

    # Who may come in
    admin: t.Literal["refused", "accepted"] = switch(
        "documented", "The user ADMIN, with the integration user's password.", default="refused"
    )
    forbidden_modules: dict[str, tuple[str, ...]] = field(
        default_factory=dict,
        metadata=said("documented", "Modules that the user has no right to, by company."),
    )
    unauthorized_body: t.Literal["html", "json"] = switch(
        "assumed", "The body of a 401: IIS's page or Sage's error.", default="html"
    )
    forbidden_body: t.Literal["html", "json"] = switch(
        "assumed", "The body of a 403: IIS's page or Sage's error.", default="json"
    )

    # How much it bears
    concurrent_limit: int = switch(
        "documented", "Requests at once; more get 429 TooManyRequests. 0: no limit.", default=0
    )
    idle_seconds: int = switch(
        "documented", "Rest by the clock after which the application pool sleeps.", default=1200
    )
    cold_start_seconds: float = switch(
        "documented", "Time that waking the sleeping pool takes.", default=0.0
    )
    pool_calls: int = switch(
        "assumed",
        "Calls within pool_window_seconds after which the pool is exhausted: 1500 by field "
        "experience. 0: never.",
        default=0,
    )
    pool_window_seconds: int = switch(
        "assumed", "The window that pool_calls are counted in, by the clock.", default=300
    )
    pool_hang_seconds: float = switch(
        "assumed", "Time that a request to an exhausted pool hangs before its 503.", default=30.0
    )
    pool_rest_seconds: int = switch(
        "assumed", "Time by the clock after which an exhausted pool serves again.", default=300
    )

    def __post_init__(self) -> None:
        """Check what no single type can say."""
        if not SMALLEST_PAGE <= self.page_size <= LARGEST_PAGE:
            raise DeclarationError(
                f"page_size has to be {SMALLEST_PAGE} to {LARGEST_PAGE}, not {self.page_size}."
            )

    def changed(self, changes: dict[str, t.Any]) -> Behaviours:
        """Return these behaviours with some switches, given as JSON values, set anew.

        Raises:
            DeclarationError: A switch does not exist or does not take such a value.
        """
        return replace(self, **read_fields(Behaviours, changes, ""))

    def as_json(self) -> dict[str, t.Any]:
        """Return every switch as JSON values."""
        values: dict[str, t.Any] = json.loads(json.dumps(asdict(self)))
        return values
