"""The rule for two connections of one terminal."""

import pytest

from gateway.server.succession import SILENT_S, replaces


@pytest.mark.parametrize(
    ("proved", "same_address", "silent_s", "newer_stays"),
    [
        (True, False, 0, True),
        (False, True, 0, True),
        (False, False, 0, False),
        (False, False, SILENT_S - 1, False),
        (False, False, SILENT_S, True),
    ],
)
def test_the_newer_connection_stays_when_it_is_proved_at_home_or_the_other_is_silent(
    proved: bool, same_address: bool, silent_s: float, newer_stays: bool
):
    assert replaces(proved=proved, same_address=same_address, silent_s=silent_s) is newer_stays
