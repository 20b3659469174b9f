"""Singer target that upserts into ServiceNow tables."""
