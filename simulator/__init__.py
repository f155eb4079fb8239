"""Simulator: a city of taxis that speak the real protocols over real sockets."""
