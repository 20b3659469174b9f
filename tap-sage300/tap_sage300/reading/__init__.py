"""Reading one entity of one company: what to read next, and what to remember. No Singer in it."""
