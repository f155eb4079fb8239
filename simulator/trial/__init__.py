"""Trials: a day's riders and drivers in fast simulated time, served by dispatch's own matcher or by another way.

town      where people are: evenly spread, or crowded as in Kunshan
cars      taxis in columns: where they are, what they do, how far they drove for whom
desk      bookings by dispatch's own table, and the journal of what happened to them
ways      how bookings are given to taxis: nearest first, or the matcher with what goes with it
run       riders, drivers and one way of dispatch, event by event
outcome   what came of it, as service levels
compare   ways against each other over loads, towns and seeds
"""
