"""dispatch: the live supply of taxis; bookings and the matcher will live here."""
