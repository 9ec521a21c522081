"""The one way in which the core refuses numbers."""

import math

from autoscaler.errors import InvalidStateError


def at_least(bound: float, /, **values: float) -> None:
    """Refuse numbers that are not finite, or below a bound.

    Args:
        bound: The smallest number that is accepted.
        values: Numbers by the names that the message is to have.

    Raises:
        InvalidStateError: If one is out of range, by its name.
    """
    for name, value in values.items():
        if not (math.isfinite(value) and value >= bound):
            raise InvalidStateError(f"{name} is {value}: expected a finite number, {bound} or more")


def above(bound: float, /, **values: float) -> None:
    """Refuse numbers that are not finite, or not above a bound.

    Raises:
        InvalidStateError: If one is out of range, by its name.
    """
    for name, value in values.items():
        if not (math.isfinite(value) and value > bound):
            raise InvalidStateError(f"{name} is {value}: expected a finite number above {bound}")
