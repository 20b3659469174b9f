"""The audit of every record, in one SQLite file that anyone may query."""
