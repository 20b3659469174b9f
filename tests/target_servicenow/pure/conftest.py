"""A valid mapping."""

from __future__ import annotations

import typing as t

import pytest


@pytest.fixture
def valid_mapping() -> dict[str, t.Any]:
    """Two tables, one of which references the other."""
    return {
        "source": "erp",
        "tables": {
            "invoice": {
                "stream": "Batches",
                "each": ["Invoices"],
                "identity": {"entity": "Invoice", "company": "Company", "key": ["Batch", "Entry"]},
                "columns": {
                    "number": "Number",
                    "vendor": {"reference": "vendor", "key": ["Vendor"]},
                    "total": {"value": "Total", "type": "currency", "currency": "Currency"},
                    "state": {"value": "parent.Status", "choices": {"Open": "open", 1: 2}},
                },
            },
            "vendor": {
                "stream": "Vendors",
                "identity": {"entity": "Vendor", "company": "Company", "key": ["Number"]},
                "adopt_by": "name",
                "source_column": "u_source",
                "source_length": 60,
                "columns": {"name": "Name", "active": {"value": "Status == 1", "type": "boolean"}},
            },
        },
    }
