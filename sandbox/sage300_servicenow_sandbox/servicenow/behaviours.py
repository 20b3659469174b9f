"""What can be switched on the instance: one table, each line with what a stock instance does.

`sure` says where a line comes from: documented by ServiceNow, measured on a real instance by
others, or assumed because the public record is silent.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import asdict, dataclass, field, replace

from sage300_servicenow_sandbox.declared import DeclarationError, read_fields
from sage300_servicenow_sandbox.switches import said, switch

Property = t.Literal[
    "glide.invalid_query.returns_no_rows",
    "glide.rest.choice.allow_non_existing_value",
    "glide.rest.table_api.admin_only_sys_fields",
]


@dataclass(frozen=True)
class AccessRule:
    """What the integration account may not do; the last rule of the same place decides.

    Column "*" is the table itself. `when`, an encoded query, limits a rule that forbids reading
    a table to the rows it holds for.
    """

    table: str
    operation: t.Literal["read", "query", "create", "write", "delete"]
    column: str = "*"
    when: str = ""
    allowed: bool = False


@dataclass(frozen=True)
class ColumnRule:
    """What differs from the table's own definition of a column; None leaves it as it is."""

    table: str
    column: str
    read_only: bool | None = None
    mandatory: bool | None = None
    max_length: int | None = None
    choices: dict[str, str] | None = None


@dataclass(frozen=True)
class DataPolicy:
    """Columns that must not be empty in rows an encoded query holds for."""

    table: str
    mandatory: tuple[str, ...]
    when: str = ""


@dataclass(frozen=True)
class BusinessRule:
    """A rule that runs before a row is written if the row, as it would be, meets `when`.

    It refuses the row, with `message` as the rule's name, or sets `column` to `value`.
    """

    table: str
    action: t.Literal["refuse", "set"]
    when: str = ""
    column: str = ""
    value: str = ""
    message: str = "Refused"


@dataclass(frozen=True)
class UniqueIndex:
    """Columns whose values together may occur once; rows with one of them empty are free."""

    table: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class RateRule:
    """How many requests to a resource a user may make in one hour of the clock."""

    resource: t.Literal["table", "batch", "stats", "all"]
    per_hour: int


@dataclass(frozen=True)
class Behaviours:
    """The switches of one instance; the defaults are a stock instance.

    Raises:
        DeclarationError: There is no slot to run a request in.
    """

    # The instance as a whole
    hibernating: bool = switch(
        "measured",
        "Answer everything 200 with the page of a developer instance asleep.",
        default=False,
    )
    maintenance: bool = switch(
        "documented",
        "Answer everything 503 with an HTML page, as a load balancer does.",
        default=False,
    )
    slots: int = switch(
        "documented", "Requests that run at once: the API_INT semaphores.", default=4
    )
    queue: int = switch(
        "documented", "Requests that wait for a slot; the next gets a 429.", default=50
    )
    rate_rules: tuple[RateRule, ...] = switch(
        "documented", "Hourly limits per resource.", default=()
    )
    properties: dict[Property, bool] = field(
        default_factory=dict,
        metadata=said(
            "documented", "System properties by their name; all of these are false by default."
        ),
    )

    # Who may come in
    basic_auth: bool = switch("documented", "Take Basic auth besides tokens.", default=True)
    client_credentials_enabled: bool = switch(
        "documented", "The OAuth grant is switched on; off, a token request is a 401.", default=True
    )
    application_user: str = switch(
        "documented",
        "The OAuth client's user; empty, there is none and no token.",
        default="integration",
    )
    token_seconds: int = switch(
        "documented", "Life of a token, in seconds of the clock.", default=1800
    )

    # What the account may do
    access: tuple[AccessRule, ...] = switch("measured", "What access rules forbid.", default=())
    no_web_services: tuple[str, ...] = switch(
        "documented", "Tables that do not allow access through web services.", default=()
    )

    # What becomes of a row
    columns: tuple[ColumnRule, ...] = switch(
        "documented",
        "Columns that differ: read-only, mandatory, shorter, other choices.",
        default=(),
    )
    data_policies: tuple[DataPolicy, ...] = switch(
        "measured", "Columns that are mandatory under a condition.", default=()
    )
    business_rules: tuple[BusinessRule, ...] = switch(
        "documented", "Rules that refuse a row or change what is stored.", default=()
    )
    unique: tuple[UniqueIndex, ...] = switch("assumed", "Unique indexes.", default=())
    over_long: t.Literal["truncate", "refuse"] = switch(
        "assumed", "What becomes of text longer than its column.", default="truncate"
    )
    unresolved_reference: t.Literal["empty", "stored"] = switch(
        "measured", "What a reference to a row that is not there is stored as.", default="empty"
    )

    # How long a write takes
    row_cost_ms: float = switch("assumed", "Time the writing of one row takes.", default=0.0)
    batch_limit_seconds: float = switch(
        "documented", "Time after which a batch is cancelled.", default=30.0
    )
    cut_off_item: t.Literal["committed", "not_committed", "alternate"] = switch(
        "assumed", "Whether the item that ran when time was out was committed.", default="alternate"
    )

    def __post_init__(self) -> None:
        """Check what no single type can say."""
        if not self.slots:
            raise DeclarationError("slots has to be 1 or more: nothing could ever run.")

    def changed(self, changes: dict[str, t.Any]) -> Behaviours:
        """Return these behaviours with some switches, given as JSON values, set anew.

        Raises:
            DeclarationError: A switch does not exist or does not take such a value.
        """
        return replace(self, **read_fields(Behaviours, changes, ""))

    def property(self, name: Property) -> bool:
        """Tell what a system property is set to."""
        return self.properties.get(name, False)

    def as_json(self) -> dict[str, t.Any]:
        """Return every switch as JSON values."""
        values: dict[str, t.Any] = json.loads(json.dumps(asdict(self)))
        return values
