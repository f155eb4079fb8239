"""Dashboard: the API, the live stream and the web console."""
