"""What can be switched on the instance; the basis of each default is in fidelity.yml."""

from __future__ import annotations

import typing as t

import msgspec

from sage300_servicenow_sandbox.declared import Count, Declared, Quantity

Property = t.Literal[
    "glide.rest.choice.allow_non_existing_value",
    "glide.rest.table_api.admin_only_sys_fields",
    "glide.invalid_query.returns_no_rows",
]


ColumnType = t.Literal[
    "currency", "price", "currency2", "integer", "decimal", "boolean", "glide_date",
    "glide_date_time",
]  # fmt: skip


class AccessRule(Declared, frozen=True):
    """What the integration account may not do; the last rule for the same place decides.

    Attributes:
        table: The table.
        operation: The operation; `query` is both `query_match` and `query_range`.
        column: The column; "*", the table itself.
        when: An encoded query that limits a rule that forbids reading to some rows.
        allowed: Whether the operation is allowed after all.
    """

    table: str
    operation: t.Literal["read", "query", "query_match", "query_range", "create", "write", "delete"]
    column: str = "*"
    when: str = ""
    allowed: bool = False


class OtherDomain(Declared, frozen=True):
    """Rows of a domain that the integration account does not see: neither shown nor counted.

    Attributes:
        table: The table.
        when: An encoded query that those rows match.
    """

    table: str
    when: str


class ColumnRule(Declared, frozen=True):
    """How a column differs from its definition in tables.yml; None leaves it as it is.

    Attributes:
        table: The table.
        column: The column.
        read_only: Whether writes to it are ignored.
        mandatory: Whether it must not be empty.
        max_length: Its length in characters.
        choices: Labels by stored value.
        type: The type of a column that holds money, or is numeric, true or false, or a date.
        scale: The decimal places of a decimal.
    """

    table: str
    column: str
    type: ColumnType | None = None
    read_only: bool | None = None
    mandatory: bool | None = None
    max_length: Count | None = None
    scale: Count | None = None
    choices: dict[str, str] | None = None


class CurrencySettings(Declared, frozen=True):
    """The currencies of the instance.

    Attributes:
        session: The currency of the integration account's locale.
        reference: The currency of the instance's locale.
        rates: What one euro is in each currency; the instance has no others.
        digits: The decimal places of currency and price columns.
    """

    session: str = "USD"
    reference: str = "USD"
    rates: dict[str, t.Annotated[float, msgspec.Meta(gt=0)]] = msgspec.field(
        default_factory=lambda: {"EUR": 1.0, "USD": 1.15, "CAD": 1.6, "GBP": 0.85, "JPY": 170.0}
    )
    digits: t.Literal[2, 4] = 4


class DataPolicy(Declared, frozen=True):
    """Columns that must not be empty.

    Attributes:
        table: The table.
        mandatory: The columns.
        when: An encoded query that limits the policy to some rows.
    """

    table: str
    mandatory: tuple[str, ...]
    when: str = ""


class BusinessRule(Declared, frozen=True):
    """A rule that runs when a row is written.

    Attributes:
        table: The table.
        action: What it does: refuse the row, fail on it, or set a column.
        timing: Whether it runs before the row is written, or after the write has been answered.
        unchanged: Whether it runs for an update that changes nothing, too.
        when: An encoded query that the row must match, as it would be written.
        column: The column that it sets.
        value: The value that it sets.
        message: Its name, which a refusal shows, or the words of its failure.
        status: The HTTP status of its failure.
    """

    table: str
    action: t.Literal["refuse", "fail", "set"]
    timing: t.Literal["before", "async"] = "before"
    unchanged: bool = False
    when: str = ""
    column: str = ""
    value: str = ""
    message: str = "Refused"
    status: t.Annotated[int, msgspec.Meta(ge=400, le=599)] = 500


class UniqueIndex(Declared, frozen=True):
    """Columns whose values together may occur only once, unless one of them is empty.

    Attributes:
        table: The table.
        columns: The columns.
    """

    table: str
    columns: tuple[str, ...]


class RateRule(Declared, frozen=True):
    """How many requests a user may make in one hour of the clock.

    Attributes:
        resource: The API that the requests are for.
        per_hour: How many requests it allows.
    """

    resource: t.Literal["table", "batch", "stats", "all"]
    per_hour: Count


class Behaviours(Declared, frozen=True):
    """The switches of one instance; the defaults are a stock instance.

    Attributes:
        hibernating: Whether everything is answered 200 with the page of a hibernating developer
            instance.
        maintenance: Whether everything is answered 503 with an HTML page, as by a load balancer.
        slots: Requests that run at once: the API_INT semaphores.
        queue: Requests that wait for a slot; the next one gets a 429.
        rate_rules: Hourly limits.
        properties: System properties by name; each is false by default.
        basic_auth: Whether Basic authentication is accepted besides tokens.
        client_credentials_enabled: Whether the OAuth grant is enabled; if not, a token request is
            answered 401.
        application_user: The OAuth client's user; empty, there is none and no token either.
        token_seconds: The life of a token, by the clock.
        access: What access rules forbid.
        other_domains: Rows in domains that the account does not see.
        unknown_operators: Operators of encoded queries that are not understood, so that their
            condition is dropped.
        no_web_services: Tables that do not allow access through web services.
        columns: Columns that differ from their definition.
        data_policies: Columns that are mandatory under a condition.
        business_rules: Rules that refuse a row, fail on it or change what is stored.
        unique: Unique indexes.
        over_long: What becomes of text longer than its column.
        stored_text: What becomes of text that is sent: kept as it is, without blanks at either end,
            or with CR LF at the end of each line.
        currencies: In which currency money is taken and shown.
        row_cost_ms: How long writing one row takes.
        batch_limit_seconds: How long a batch may take before it is cancelled.
        cut_off_item: Whether the item that was running when a batch is cancelled was committed.
        unserviced_items: How a batch names the items it did not come to.
    """

    hibernating: bool = False
    maintenance: bool = False
    slots: t.Annotated[int, msgspec.Meta(ge=1)] = 4
    queue: Count = 50
    rate_rules: tuple[RateRule, ...] = ()
    properties: dict[Property, bool] = msgspec.field(default_factory=dict)
    basic_auth: bool = True
    client_credentials_enabled: bool = True
    application_user: str = "integration"
    token_seconds: Count = 1800
    access: tuple[AccessRule, ...] = ()
    other_domains: tuple[OtherDomain, ...] = ()
    unknown_operators: tuple[str, ...] = ()
    no_web_services: tuple[str, ...] = ()
    columns: tuple[ColumnRule, ...] = ()
    data_policies: tuple[DataPolicy, ...] = ()
    business_rules: tuple[BusinessRule, ...] = ()
    unique: tuple[UniqueIndex, ...] = ()
    over_long: t.Literal["truncate", "refuse"] = "truncate"
    stored_text: t.Literal["as_sent", "trimmed", "crlf"] = "as_sent"
    currencies: CurrencySettings = CurrencySettings()
    row_cost_ms: Quantity = 0.0
    batch_limit_seconds: Quantity = 30.0
    cut_off_item: t.Literal["committed", "not_committed", "alternate"] = "alternate"
    unserviced_items: t.Literal["ids", "objects"] = "ids"

    def property(self, name: Property) -> bool:
        """Return the value of a system property."""
        return self.properties.get(name, False)
