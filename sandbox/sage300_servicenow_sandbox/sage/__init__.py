"""Sage 300's Web API."""
