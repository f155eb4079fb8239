"""Trips and stops of vehicles, from their fixes, in event time: whatever order fixes come in, the same trips.

fixes (columns, put in order) -> plausible (which places are believed) -> cut (spans of one kind)

All of it is numpy on plain columns: the command, the database's pipeline and the tests feed the same functions.
"""
