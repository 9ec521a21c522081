"""What came of telling a service which version of the index to serve."""

from dataclasses import dataclass

LOADING_TIMEOUT_S = 300.0
"""How long a switch may take: a large index is read and checked meanwhile."""


@dataclass(frozen=True, slots=True)
class IndexSwitch:
    """Another version is served.

    Args:
        version: Served now.
        before: Served before.
        place_told: The place of the index names the version now, so that every service that watches
            it follows. False: it could not be written; the service that was asked alone serves the
            version, and holds to it until the place names yet another.
    """

    version: str
    before: str
    place_told: bool
