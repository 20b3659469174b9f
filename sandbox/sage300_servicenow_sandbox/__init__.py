"""Sage 300 and ServiceNow on localhost, as strict as the real ones."""
