"""Sage 300 and ServiceNow on localhost, as strict as the real ones."""

from sage300_servicenow_sandbox.options import SandboxOptions
from sage300_servicenow_sandbox.sandbox import Sandbox

__all__ = ["Sandbox", "SandboxOptions"]
