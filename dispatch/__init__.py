"""dispatch: live supply, bookings, tariffs, and the matcher that gives bookings to taxis."""
