"""The gazetteer: readable, unambiguous, and clear about what is wrong with a bad file."""

from collections import Counter

import pytest

from simulator.gazetteer import COLUMNS, KINDS, GazetteerError, load, parse, to_csv

HEADER = ",".join(COLUMNS)


def test_the_shipped_places_are_many_and_of_every_kind():
    places = load()
    assert len(places) >= 300
    assert {p.kind for p in places} == set(KINDS)
    assert all(p.name_en and p.town and p.address for p in places)


def test_no_name_or_alias_means_two_places():
    said = Counter(word for p in load() for word in {p.name, *p.aliases})
    assert [word for word, times in said.items() if times > 1] == []


def test_what_is_written_is_read_back():
    places = load()
    assert parse(to_csv(places)) == places


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name,lat\n", "line 1: the header must be name,name_en"),
        (f"{HEADER}\n某处,Somewhere,palace,,,31.3,120.9,\n", "line 2: a name and a kind"),
        (f"{HEADER}\n某处,Somewhere,park,,,north,120.9,\n", "line 2: 某处: lat and lon must be degrees"),
    ],
)
def test_a_bad_file_is_refused_with_the_line(text: str, complaint: str):
    with pytest.raises(GazetteerError, match=complaint):
        parse(text)
