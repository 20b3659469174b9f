"""Fields of a behaviour: what each switch does, how sure that is, and what a stock system does."""

from __future__ import annotations

import typing as t
from dataclasses import field

Sure = t.Literal["documented", "measured", "assumed"]


def said(sure: Sure, text: str) -> dict[str, str]:
    """Give the metadata of a field."""
    return {"sure": sure, "text": text}


def switch(sure: Sure, text: str, *, default: t.Any) -> t.Any:
    """Give a field with what is said of it."""
    return field(default=default, metadata=said(sure, text))
