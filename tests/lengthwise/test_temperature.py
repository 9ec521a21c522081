"""Which temperatures of an engine's requests are taken for known."""

import math

import pytest

from lengthwise.request import known_temperature


@pytest.mark.parametrize("value", [0, 0.0, 0.7, 1, 100])
def test_a_number_in_range_is_known(value):
    assert known_temperature(value) == value


@pytest.mark.parametrize("value", [None, True, "0", -0.1, 100.5, math.nan, math.inf, 10**400, [0]])
def test_anything_else_is_unknown(value):
    assert known_temperature(value) is None
