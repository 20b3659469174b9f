"""Bringing ServiceNow's rows to what they should be: each exactly once."""
