"""What can be switched on the Sage 300 site; the basis of each default is in fidelity.yml."""

from __future__ import annotations

import typing as t

import msgspec

from sage300_servicenow_sandbox.declared import Count, Declared, Quantity

PasswordPolicy = t.Literal["before_2022_2", "simple", "complex"]
DateLiterals = t.Literal["v4", "quoted", "v3"]
Comparison = t.Literal["binary", "ignore_case"]

PAGE_SIZE: t.Final = 100
_LARGEST_PAGE: t.Final = 1000


class Behaviours(Declared, frozen=True):
    """The switches of one site; the defaults are a stock server.

    Attributes:
        page_size: The most records in an answer, even if $top is greater.
        orderby: Whether $orderby, which no document of Sage's names, is accepted.
        date_literals: The one form of a date in $filter: 2026-01-01T00:00:00Z, '2026-01-01' or
            datetime'2026-01-01T00:00:00'.
        page_cap: Most records in an answer, without a link to the others; 0, page_size alone.
        detail_page: Most entries of each list inside a record, which then has a link to the others;
            0, all.
        key_order: Whether records come in key order, in that order without regard to case, or in
            an order that only looks random.
        comparison: Whether $filter compares text byte by byte, or without regard to case.
        counts: What $count announces: the right number, none, that of the page, or that of all
            records whatever the filter.
        links: Whether a link comes where more follows, or on every page.
        next_link_host: Scheme and host of links, as behind a reverse proxy; empty, those of the
            request.
        site_properties: Properties beyond the product's own, by resource and name, with their
            type as in the files under data/.
        account_change_date: Whether GLAccounts has a DateLastMaintained that edits move.
        password_policy: How user and password are compared: in capitals only, in any case because
            the server turns them into capitals itself, or the user in any case and the password
            exactly as COMPLEX_PASSWORD in app.py has it.
        locked_companies: Companies that another program holds; they answer 403 Forbidden and say
            that they are locked.
        unreadable_records: Keys, by resource, of records that fail every page with them, unless
            $select names nothing but the key.
        forbidden_modules: Modules that the user has no right to, by company.
        concurrent_limit: Requests at once; more get 429 TooManyRequests. 0, no limit.
        pool_calls: Calls within five minutes by the clock that exhaust the application pool; 0,
            nothing does.
        pool_hang_seconds: How long a request to an exhausted pool hangs before its 503.
        pool_rest_seconds: How long by the clock until an exhausted pool serves again.
    """

    page_size: t.Annotated[int, msgspec.Meta(ge=PAGE_SIZE, le=_LARGEST_PAGE)] = PAGE_SIZE
    orderby: t.Literal["refused", "accepted"] = "refused"
    date_literals: DateLiterals = "v4"
    page_cap: Count = 0
    detail_page: Count = 0
    key_order: t.Literal["on", "ignore_case", "none"] = "on"
    comparison: Comparison = "binary"
    counts: t.Literal["right", "absent", "of_page", "of_all"] = "right"
    links: t.Literal["when_more", "always"] = "when_more"
    next_link_host: str = ""
    site_properties: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    account_change_date: bool = False
    password_policy: PasswordPolicy = "before_2022_2"  # noqa: S105 -- no password
    locked_companies: tuple[str, ...] = ()
    unreadable_records: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    forbidden_modules: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    concurrent_limit: Count = 0
    pool_calls: Count = 0
    pool_hang_seconds: Quantity = 30.0
    pool_rest_seconds: Count = 300
