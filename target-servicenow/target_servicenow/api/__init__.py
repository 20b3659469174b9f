"""ServiceNow's REST APIs and nothing else: no Singer, no mapping, no ledger in here."""
