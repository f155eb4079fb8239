"""A generated city: a real `city.osm.pbf` whose named streets, rivers and rails can be driven and drawn.

    plan -> skeleton (arterials, banks, barriers) -> blocks -> expressways -> traffic -> osm

`plan.toml` says by hand where towns, waters and main roads stand; everything between is drawn from a
seed. The same seed gives the same bytes.
"""
