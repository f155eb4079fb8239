"""Dispatch: bookings and the H3-indexed matcher."""
