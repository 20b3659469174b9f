"""``target-servicenow ledger``: what was done, why, and what waits."""
