"""Numbers that cannot be are refused where they come in, by name and value.

NaN is one of them everywhere: it compares false with every key and leaves a queue without an order.
"""

import math


def checked_finite(value: float, name: str, unit: str) -> float:
    """Return a finite number.

    Raises:
        ValueError: If it is infinite or not a number.
    """
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value}: expected a finite number of {unit}")
    return value


def checked_not_negative(value: float, name: str) -> float:
    """Return a finite number of at least 0.

    Raises:
        ValueError: If it is negative, infinite or not a number.
    """
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} is {value}: expected a finite number of at least 0")
    return value


def checked_not_negative_or_infinite(value: float, name: str) -> float:
    """Return a number of at least 0; infinity is one.

    Raises:
        ValueError: If it is negative or not a number.
    """
    if not value >= 0:
        raise ValueError(f"{name} is {value}: expected a number of at least 0")
    return value
