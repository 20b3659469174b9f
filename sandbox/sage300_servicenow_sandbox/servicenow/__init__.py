"""An instance of ServiceNow on localhost: token endpoint, Table, Aggregate and Batch API."""

from sage300_servicenow_sandbox.servicenow.app import ServiceNowApp

__all__ = ["ServiceNowApp"]
