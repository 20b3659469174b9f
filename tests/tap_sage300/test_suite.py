"""The SDK's own test suite for taps, against the sandbox."""

from __future__ import annotations

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from sage300_servicenow_sandbox.sage.resources import RESOURCES
from tap_sage300.tap import TapSage300


class ServedTap(TapSage300):
    """The tap with the streams that the sandbox serves; the SDK reads every stream there is."""

    def discover_streams(self):
        return [stream for stream in super().discover_streams() if stream.name in RESOURCES]


# The SDK makes its streams when this file is collected: with a catalog, so that no server is asked.
# The server's address is filled in when the first test begins.
CONFIG = {
    "api_url": "http://127.0.0.1/Sage300WebApi",
    "companies": ["SAMINC"],
    "username": "INTEGRATION",
    "password": "SANDBOX",
    "min_call_interval_ms": 0,
}
SHIPPED = ServedTap(config={}, validate_config=False, setup_mapper=False).catalog_dict
for entry in SHIPPED["streams"]:
    for item in entry["metadata"]:
        if not item["breadcrumb"]:
            item["metadata"]["selected"] = True
SUITE = get_tap_test_class(
    ServedTap,
    config=CONFIG,
    catalog=SHIPPED,
    include_stream_attribute_tests=True,
    suite_config=SuiteConfig(max_records_limit=None),
    parse_env_config=False,
)


@pytest.mark.filterwarnings(
    "ignore:Fields in transformed catalog but not in records:UserWarning",
    "ignore:No records were available to test:UserWarning",
)
class TestTapSage300(SUITE):
    """Every test of the SDK, on every stream that the sandbox serves."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _serve(cls, sandbox_site):
        CONFIG["api_url"] = sandbox_site.fresh().url
