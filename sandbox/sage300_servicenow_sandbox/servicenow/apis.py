"""The Table and Aggregate APIs of an instance as it is set up at one moment."""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace
from decimal import Decimal

from sage300_servicenow_sandbox.declared import DeclarationError
from sage300_servicenow_sandbox.servicenow import errors
from sage300_servicenow_sandbox.servicenow.access import Access
from sage300_servicenow_sandbox.servicenow.errors import ApiError
from sage300_servicenow_sandbox.servicenow.money import TYPES, Currencies
from sage300_servicenow_sandbox.servicenow.records import Records
from sage300_servicenow_sandbox.servicenow.rules import RowRules
from sage300_servicenow_sandbox.servicenow.stats_api import StatsApi
from sage300_servicenow_sandbox.servicenow.table_api import TableApi

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from sage300_servicenow_sandbox.clock import Clock
    from sage300_servicenow_sandbox.servicenow.api import ApiRequest, ApiResponse
    from sage300_servicenow_sandbox.servicenow.behaviours import (
        Behaviours,
        ColumnRule,
        CurrencySettings,
    )
    from sage300_servicenow_sandbox.servicenow.schema import Schema
    from sage300_servicenow_sandbox.servicenow.store import Store

_TABLE = re.compile(r"/api/now/(?:(v[12])/)?table/([^/]+)(?:/([^/]+))?/?")
_STATS = re.compile(r"/api/now/(?:v[12]/)?stats/([^/]+)/?")


class Apis:
    """What serves requests; it is replaced whenever the tables or the behaviours change.

    Attributes:
        schema: The instance's tables, with the columns as the behaviours change them.
        records: The way to write rows.
    """

    def __init__(self, schema: Schema, behaviours: Behaviours, rows: Store, clock: Clock) -> None:
        """Serve the tables of `schema`, their rows in `rows`.

        Raises:
            DeclarationError: A behaviour names a table or column that does not exist.
        """
        self.schema = _with_money(_with_columns(schema, behaviours.columns), behaviours.currencies)
        for index in behaviours.unique:
            for column in index.columns:
                self.schema.column(index.table, column)
        rules = RowRules(self.schema, behaviours.business_rules, behaviours.data_policies)
        access = Access(self.schema, behaviours)
        self.records = Records(rows, clock, behaviours, rules)
        self._tables = TableApi(self.schema, access, rows, self.records)
        self._stats = StatsApi(self.schema, access, rows)

    def handle(self, request: ApiRequest) -> ApiResponse:
        """Answer a request for a table, one of its rows or its figures.

        Asynchronous business rules run when the answer has been made.

        Raises:
            ApiError: The request fails; nothing was written.
        """
        answer = self._answer(request)
        self.records.run_async_rules()
        return answer

    def _answer(self, request: ApiRequest) -> ApiResponse:
        if found := _TABLE.fullmatch(request.path):
            version, name, sys_id = found.groups()
            return self._tables.handle(request, version=version, name=name, sys_id=sys_id)
        if found := _STATS.fullmatch(request.path):
            return self._stats.handle(request, name=found[1])
        raise ApiError(errors.UNKNOWN_RESOURCE, path=request.path)


def _with_columns(schema: Schema, rules: Iterable[ColumnRule]) -> Schema:
    for rule in rules:
        old = schema.column(rule.table, rule.column)
        new = replace(
            old,
            read_only=old.read_only if rule.read_only is None else rule.read_only,
            mandatory=old.mandatory if rule.mandatory is None else rule.mandatory,
            max_length=old.max_length if rule.max_length is None else rule.max_length,
            scale=old.scale if rule.scale is None else rule.scale,
            choices=old.choices if rule.choices is None else rule.choices,
            type=rule.type or old.type,
        )
        schema = schema.with_column(rule.table, new)
    return schema


def _with_money(schema: Schema, settings: CurrencySettings) -> Schema:
    """Let the columns that hold money know the currencies.

    Raises:
        DeclarationError: There is no rate for one of them.
    """
    rates = {code: Decimal(str(rate)) for code, rate in settings.rates.items()}
    if missing := {settings.session, settings.reference} - rates.keys():
        raise DeclarationError(f"The currencies need a rate for {', '.join(sorted(missing))}")
    currencies = Currencies(settings.session, settings.reference, rates, settings.digits)
    for table in schema.tables.values():
        for column in table.columns.values():
            if column.type in TYPES:
                schema = schema.with_column(table.name, replace(column, currencies=currencies))
    return schema
