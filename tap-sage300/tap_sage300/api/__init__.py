"""The Sage 300 Web API: addresses, queries, answers and errors. No Singer in it."""
