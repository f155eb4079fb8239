"""Tracking: history, vehicles, users and journal, in TimescaleDB or plain PostgreSQL."""
