"""An instance of ServiceNow: token endpoint, Table, Aggregate and Batch API."""
