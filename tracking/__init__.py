"""tracking: history, vehicles and people. Reads the gateway's spool, writes PostgreSQL or TimescaleDB."""
