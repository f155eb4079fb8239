"""The asyncio rim: listeners, live connections, the commit loop."""
