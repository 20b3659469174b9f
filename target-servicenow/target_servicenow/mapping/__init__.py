"""From a Singer record to ServiceNow rows, as data: no Singer SDK and no network in here."""
