"""The audit of every record, in one SQLite file anyone may query."""
