"""Audit of trips: pure rules over what is known of a trip. A finding is a lead (线索), never a verdict.

finding (what is known, what is found) <- thresholds (dated, in a file) <- rules
"""
