"""The road network: how long a car takes from here to there, which way it went, and which roads lie under a trip.

port (what others ask) <- straight, engine (who answers); build makes a network's directory; match and trace put a
trip on roads.
"""
