"""Sage 300 and ServiceNow on localhost, as strict as the real ones."""

from .sandbox import Sandbox, SandboxOptions

__all__ = ["Sandbox", "SandboxOptions"]
