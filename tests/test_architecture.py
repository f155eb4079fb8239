"""ARCHITECTURE.md says what the code does."""

import re
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("gateway", "tracking", "dispatch", "dashboard", "simulator")


def test_the_diagram_matches_the_import_graph():
    graph = grimp.build_graph(*PACKAGES)
    real = {
        (importer, imported)
        for importer in PACKAGES
        for imported in PACKAGES
        if importer != imported and graph.direct_import_exists(importer=importer, imported=imported, as_packages=True)
    }
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    assert set(re.findall(r"^ +(\w+) -- imports --> (\w+)$", text, re.M)) == real


def test_places_that_the_table_names_exist():
    rows = re.findall(r"^\| (?!Where|---)[^|]*\| (.*) \|$", (ROOT / "ARCHITECTURE.md").read_text("utf-8"), re.M)
    assert len(rows) > 8
    for row in rows:
        for place in re.findall(r"`([\w/.<>]+)`", row):
            if "/" in place and "<" not in place and "NNNN" not in place:
                assert (ROOT / place).exists(), place
