"""The matcher, pure: a frozen snapshot comes in, a plan of offers goes out; `now` stands in the snapshot.

snapshot    what is known: waiting bookings and taxis, in columns
exclusion   what must not be, with its reason
terms       what a pick-up costs, one row of the sum each
costs       the terms together, and who is near
assignment  most bookings served, then least total cost, exactly
plan        the modes of the zones: assign, cascade, broadcast, rank queue
why         what a dispatcher sees of a decision
"""
