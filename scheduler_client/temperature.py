"""The sampling temperature, as far as the service takes it."""

MAX_TEMPERATURE = 100.0


def known_temperature(value: object) -> float | None:
    """The temperature that a request carries; None for anything that cannot be one.

    A prediction does without a temperature: what is wrong with it is the engine's to say.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= MAX_TEMPERATURE else None
