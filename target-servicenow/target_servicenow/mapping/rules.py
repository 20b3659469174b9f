"""Rules of a mapping: the first that fits a record gives its code, such as a cost centre.

Sage 300 has no cost centres: a site keeps them in a segment of the account, a range of accounts or
an optional field. So a profile defines them by rules, and a run counts which of them applied.
"""

from __future__ import annotations

import typing as t
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from typing_extensions import override

from target_servicenow.mapping.expression import MISSING, RecordError

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from target_servicenow.mapping.expression import Property


class HoldRecord(Exception):  # noqa: N818 - a fate, not a failure
    """No rule fits, and such a record waits; the message names the rules."""


@dataclass(frozen=True)
class Rule:
    """One rule; a rule without a condition fits every record."""

    when: Property | None
    code: Property
    name: Property | None

    def fits(self, record: Mapping[str, t.Any]) -> bool:
        """Tell whether the condition holds; it does not where the record lacks a property of it."""
        return self.when is None or self.when(record) not in (False, None, MISSING, "")


@dataclass
class RuleSet:
    """Rules in order, and how often each came first in this run, or could have.

    Attributes:
        hold: Whether a record that no rule fits waits, instead of getting no code.
        unmapped: Names of records that no rule fitted, each once though a record may be tried
            again.
    """

    title: str
    rules: tuple[Rule, ...]
    hold: bool
    first: list[int] = field(init=False)
    fitting: list[int] = field(init=False)
    unmapped: dict[str, None] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Count from zero."""
        self.first = [0] * len(self.rules)
        self.fitting = [0] * len(self.rules)

    def expressions(self) -> Iterator[Property]:
        """Yield every expression of the rules."""
        for rule in self.rules:
            yield from (e for e in (rule.when, rule.code, rule.name) if e is not None)

    def apply(self, record: Mapping[str, t.Any], *, count_as: str | None) -> dict[str, str]:
        """Return the code and name for a record, both empty when no rule fits.

        Args:
            record: Its properties.
            count_as: The record's name, to count it under; None not to count it.

        Raises:
            HoldRecord: No rule fits, and such records wait.
            RecordError: The record does not fit a rule's expressions.
        """
        fitting = [n for n, rule in enumerate(self.rules) if rule.fits(record)]
        if count_as is not None:
            self._count(fitting, count_as)
        if fitting:
            rule = self.rules[fitting[0]]
            code = _text(rule.code(record))
            if code:
                return {"code": code, "name": _text(rule.name(record)) if rule.name else code}
        if self.hold:
            raise HoldRecord(f"no rule of {self.title} matches it")
        return {"code": "", "name": ""}

    def _count(self, fitting: list[int], name: str) -> None:
        for number in fitting:
            self.fitting[number] += 1
        if fitting:
            self.first[fitting[0]] += 1
        else:
            self.unmapped[name] = None

    def remarks(self) -> list[str]:
        """Return what an administrator should know: records without a code, shadowed rules."""
        found = []
        if self.unmapped:
            shown = [
                *islice(self.unmapped, SHOWN),
                *(["..."] if len(self.unmapped) > SHOWN else []),
            ]
            found.append(
                f"{_records_match(len(self.unmapped))} no rule of {self.title}: {', '.join(shown)}"
            )
        for number, rule in enumerate(self.rules):
            if self.fitting[number] and not self.first[number]:
                condition = rule.when.text if rule.when else "always"
                found.append(
                    f"Rule {number + 1} of {self.title} ({condition}) is shadowed: earlier rules "
                    f"match every record that it matches ({self.fitting[number]})"
                )
        return found


def _records_match(number: int) -> str:
    return "1 record matches" if number == 1 else f"{number} records match"


SHOWN = 20
"""Unmapped records named in the remarks."""


def with_rules(
    rules: Mapping[str, RuleSet], record: Mapping[str, t.Any], key: Sequence[Property]
) -> Mapping[str, t.Any]:
    """Return the record's names and those of the rules, each evaluated on first use.

    Args:
        rules: The rules by the name that expressions use.
        record: The names without rules.
        key: The key parts of the row. Where they name the rules themselves, another row is about
            the record, and it is counted there.
    """
    scopes: list[t.Any] = [_RuleNames(rules, record, key), record]
    return ChainMap(*scopes)


class _RuleNames(Mapping[str, t.Any]):
    def __init__(
        self, rules: Mapping[str, RuleSet], record: Mapping[str, t.Any], key: Sequence[Property]
    ) -> None:
        self._rules = rules
        self._record = record
        self._key = key
        self._known: dict[str, dict[str, str]] = {}

    @override
    def __getitem__(self, name: str) -> dict[str, str]:
        if name not in self._known:
            counted = all(name not in part.names for part in self._key)
            count_as = ":".join(str(part(self._record)) for part in self._key) if counted else None
            self._known[name] = self._rules[name].apply(self._record, count_as=count_as)
        return self._known[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._rules)

    @override
    def __len__(self) -> int:
        return len(self._rules)

    @override
    def __contains__(self, name: object) -> bool:
        return name in self._rules


def _text(value: t.Any) -> str:
    if value in (None, MISSING):
        return ""
    if isinstance(value, dict | list):
        raise RecordError(f"{value!r} is not a code")
    return str(value).strip()
