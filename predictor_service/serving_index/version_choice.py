"""Which version is to be loaded next, and which to go back to. Nothing here loads or looks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

REMEMBERED = 16
"""Versions that can be gone back to without asking the place."""


@dataclass(slots=True)
class VersionChoice:
    """Chooses the next version, and knows what must not be loaded although the place names it.

    Args:
        refused: A version that could not be served; tried again once its files have changed.
        refused_state: What its files were then; see `Published.state_of`.
        held_against: The version that the place named when somebody chose another one for this
            process alone.
    """

    refused: str | None = None
    refused_state: str = ""
    held_against: str | None = None
    _last_state: str = ""

    def next(self, named: str | None, served: str, state: str = "") -> str | None:
        """The version to load; None to stay.

        Args:
            named: The place's current version; None if it has none.
            served: The version that is served now.
            state: Of the files of the named one.
        """
        if named == served:
            self.clear()
        if named is None or named in (served, self.held_against):
            return None
        if named == self.refused and not self._has_new_files(state):
            return None
        return named

    def refuse(self, version: str, state: str) -> None:
        """Leave a version alone until its files change.

        Args:
            version: It could not be served.
            state: Of its files, from before it was tried.
        """
        self.refused, self.refused_state, self._last_state = version, state, state

    def _has_new_files(self, state: str) -> bool:
        """Whether the refused version has changed and, from one look to the next, rested since.

        While a copy is under way each look would read what is there in vain.
        """
        rests, self._last_state = state == self._last_state, state
        return rests and state != self.refused_state

    def clear(self) -> None:
        """Forget, since the place names another version now or somebody told what to load."""
        self.refused = self.held_against = None
        self.refused_state = self._last_state = ""


class EarlierVersions:
    """The versions served before, for going back. Names ascend with the time of the build.

    Going back to a version drops it and all later ones: going back once more leads
    further back, not forward to what was left for a reason.
    """

    def __init__(self) -> None:
        self._versions: list[str] = []

    def moved(self, before: str, now: str) -> None:
        """Note that one version took over from another; from none, where `before` is empty."""
        self._versions = [version for version in self._versions if version < now]
        if before and before < now:
            self._versions = [*self._versions, before][-REMEMBERED:]

    def back_from(self, served: str, known: Iterable[str]) -> Sequence[str]:
        """Where to go back to, the best first: versions served before, then older ones.

        Args:
            served: The version that is served now.
            known: Versions of the place, in any order.
        """
        older = sorted((version for version in known if version < served), reverse=True)
        return list(dict.fromkeys([*reversed(self._versions), *older]))
