"""The road network of an `.osm.pbf`, generated or real: what cars may drive on, and the way from here to there.

read (ways and restrictions) -> graph (directed edges, allowed turns) -> route
"""
