"""Rules of a mapping: the first that fits a record says which code it gets, such as a cost centre.

Sage 300 has no cost centres: they are a segment of the account, a range of accounts, or an optional
field, as each site has it. So a profile says it in rules, and a run counts how they were met.
"""

from __future__ import annotations

import typing as t
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from target_servicenow.mapping.expression import MISSING, RecordError

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from target_servicenow.mapping.expression import Property


class HoldRecord(Exception):  # noqa: N818 - a fate, not a failure
    """No rule fits, and such a record is to wait. The message says which rules."""


@dataclass(frozen=True)
class Rule:
    """One rule; without a condition it fits every record."""

    when: Property | None
    code: Property
    name: Property | None

    def fits(self, record: Mapping[str, t.Any]) -> bool:
        """Whether the condition holds; it does not where the record lacks a property of it."""
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
        """Every expression of the rules."""
        for rule in self.rules:
            yield from (e for e in (rule.when, rule.code, rule.name) if e is not None)

    def apply(self, record: Mapping[str, t.Any], *, count_as: str | None) -> dict[str, str]:
        """The code and name for a record, both empty when no rule fits.

        Args:
            record: its properties.
            count_as: the record's name, to count it under; None not to count it.

        Raises:
            HoldRecord: no rule fits, and such records wait.
            RecordError: the record does not fit a rule's expressions.
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
            raise HoldRecord(f"no rule of {self.title} fits it")
        return {"code": "", "name": ""}

    def _count(self, fitting: list[int], name: str) -> None:
        for number in fitting:
            self.fitting[number] += 1
        if fitting:
            self.first[fitting[0]] += 1
        else:
            self.unmapped[name] = None

    def remarks(self) -> list[str]:
        """What an administrator should know of the run: records without a code, useless rules."""
        found = []
        if self.unmapped:
            shown = [
                *islice(self.unmapped, SHOWN),
                *(["..."] if len(self.unmapped) > SHOWN else []),
            ]
            found.append(
                f"{len(self.unmapped)} records fit no rule of {self.title}: {', '.join(shown)}"
            )
        for number, rule in enumerate(self.rules):
            if self.fitting[number] and not self.first[number]:
                condition = rule.when.text if rule.when else "always"
                found.append(
                    f"Rule {number + 1} of {self.title} ({condition}) is shadowed: earlier rules "
                    f"fit all {self.fitting[number]} records that it fits"
                )
        return found


SHOWN = 20
"""Unmapped records named in the remarks."""


def with_rules(
    rules: Mapping[str, RuleSet], record: Mapping[str, t.Any], key: Sequence[Property]
) -> Mapping[str, t.Any]:
    """The record's names and those of the rules, each worked out when an expression asks for it.

    Args:
        rules: by the name expressions use.
        record: the names without rules.
        key: the key parts of the row that is made; where they name the rules themselves, other
            rows are about the record, and it is counted there.
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

    def __getitem__(self, name: str) -> dict[str, str]:
        if name not in self._known:
            counted = all(name not in part.names for part in self._key)
            count_as = ":".join(str(part(self._record)) for part in self._key) if counted else None
            self._known[name] = self._rules[name].apply(self._record, count_as=count_as)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def __contains__(self, name: object) -> bool:
        return name in self._rules


def _text(value: t.Any) -> str:
    if value in (None, MISSING):
        return ""
    if isinstance(value, dict | list):
        raise RecordError(f"{value!r} is no code")
    return str(value).strip()
