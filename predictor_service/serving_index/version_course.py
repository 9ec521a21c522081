"""Which version the watcher is to load next. Nothing here loads or looks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

REMEMBERED = 16


@dataclass(slots=True)
class Course:
    """What must not be loaded although the place names it.

    Args:
        refused: A version that is broken; tried once.
        held_against: The version that the place named when somebody chose another one for this
            process alone.
    """

    refused: str | None = None
    held_against: str | None = None

    def next(self, named: str | None, served: str) -> str | None:
        """The version to load; None to stay.

        Args:
            named: The place's current version; None if it has none.
            served: Served now.
        """
        if named == served:
            self.clear()
        if named is None or named in (served, self.refused, self.held_against):
            return None
        return named

    def clear(self) -> None:
        """Forget, since the place names another version now or somebody told what to load."""
        self.refused = self.held_against = None


class Trail:
    """The versions served before, for going back. Names ascend with the time of the build.

    Going back to a version drops it and all later ones from the trail: going back once more leads
    further back, not forward to what was left for a reason.
    """

    def __init__(self) -> None:
        self._versions: list[str] = []

    def moved(self, before: str, now: str) -> None:
        """Note that one version took over from another."""
        self._versions = [version for version in self._versions if version < now]
        if before < now:
            self._versions = [*self._versions, before][-REMEMBERED:]

    def back_from(self, served: str, known: Iterable[str]) -> Sequence[str]:
        """Where to go back to, the best first: versions served before, then earlier ones.

        Args:
            served: Served now.
            known: Versions of the place, in any order.
        """
        earlier = sorted((version for version in known if version < served), reverse=True)
        return list(dict.fromkeys([*reversed(self._versions), *earlier]))
