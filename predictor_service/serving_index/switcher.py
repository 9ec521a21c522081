"""Switches between versions: because the place names another, or because somebody says so."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from lengthwise.index.errors import ArtifactError, LengthIndexError
from predictor_service.batching.threads import run_in_thread
from predictor_service.errors import (
    NoSuchVersionError,
    NotServingError,
    SwapRefusedError,
    VersionRefusedError,
)
from predictor_service.serving_index.index_holder import IndexHolder
from predictor_service.serving_index.served_index import IndexSource
from predictor_service.serving_index.version_course import Course, Trail

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Switched:
    """What came of being told to switch.

    Args:
        version: Served now.
        before: Served before.
        place_told: The place names the version now, so that everybody who watches it follows.
    """

    version: str
    before: str
    place_told: bool


class Switcher:
    """The one way from version to version once the first is served. Belongs to one event loop.

    Args:
        holder: Of the served index.
        source: Of the others.
    """

    def __init__(self, holder: IndexHolder, source: IndexSource) -> None:
        self._holder = holder
        self._source = source
        self._course = Course()
        self._trail = Trail()
        self._lock = asyncio.Lock()
        self._said = ""
        self.failed_looks = 0
        """How often the place could not be read."""

    @property
    def previous(self) -> str:
        """The version that was served before and would be gone back to; empty if there is none.

        Where nothing was served before, `roll_back` looks for an earlier version in the place.
        """
        return next(iter(self._trail.back_from(self._holder.version, ())), "")

    async def follow(self) -> None:
        """Serve what the place names, unless that is known to be broken or was left behind.

        What goes wrong is logged, once, and the old version serves on.
        """
        named: str | None = None
        async with self._lock:
            try:
                named = await run_in_thread(self._source.current, name="watch")
                version = self._course.next(named, self._holder.version)
                if version is not None:
                    await run_in_thread(lambda: self._source.fetch(version), name="fetch")
                    await self._move(version)
                    self._course.clear()
                self._said = ""
            except (SwapRefusedError, ArtifactError) as error:
                self._course.refused = named
                log.error("index not switched", version=named, reason=str(error))  # noqa: TRY400
            except (LengthIndexError, OSError) as error:
                self.failed_looks += 1
                self._say_once(f"the place of the index cannot be read: {error}")

    async def reload(self) -> None:
        """Serve what the place names now, whatever was refused or left behind before.

        Raises:
            SwapRefusedError: It cannot be served; the old one serves on.
        """
        async with self._lock:
            self._course.clear()
            before = self._holder.version
            self._trail.moved(before, await self._holder.reload())

    async def switch(self, version: str) -> Switched:
        """Serve a version, and have the place name it.

        Args:
            version: Which; empty for the newest of the place.

        Raises:
            CallError: It cannot be served; the old one serves on.
        """
        async with self._lock:
            known = await self._versions()
            version = version or (known[-1] if known else "")
            if version not in known and version != self.previous:
                raise NoSuchVersionError(
                    f"there is no version {version!r}: expected one of {', '.join(known) or 'none'}"
                )
            return await self._told(version)

    async def roll_back(self) -> Switched:
        """Serve the version that was served before, or else the one before in the place.

        Those that cannot be served any more are passed over.

        Raises:
            VersionRefusedError: There is none.
        """
        async with self._lock:
            try:
                known = await self._versions()
            except NotServingError as error:
                # What is in memory, or on this machine already, can do without the place.
                log.warning("rolling back without the place of the index", reason=str(error))
                known = []
            served = self._holder.version
            for version in self._trail.back_from(served, known):
                try:
                    return await self._told(version)
                except VersionRefusedError as error:
                    log.warning("cannot go back to a version", version=version, reason=str(error))
            raise VersionRefusedError(
                f"there is no version before {served!r} that can be served: nothing to go back to"
            )

    async def _told(self, version: str) -> Switched:
        before = self._holder.version
        try:
            await self._move(version)
        except SwapRefusedError as error:
            raise VersionRefusedError(f"{version!r}: {error}; {before!r} serves on") from error
        self._course.clear()
        return Switched(version, before, await self._tell_place(version))

    async def _move(self, version: str) -> None:
        before = self._holder.version
        if version != before:
            self._trail.moved(before, await self._holder.swap_to(version))

    async def _tell_place(self, version: str) -> bool:
        """Have the place name a version; if it cannot, hold to the version all the same."""
        named = await self._named()
        if named == version:
            return True
        try:
            await run_in_thread(lambda: self._source.make_current(version), name="tell")
        except (LengthIndexError, OSError) as error:
            log.warning("this process alone serves the version", version=version, why=str(error))
            self._course.held_against = named
            return False
        return True

    async def _named(self) -> str | None:
        try:
            return await run_in_thread(self._source.current, name="watch")
        except (LengthIndexError, OSError):
            return None

    async def _versions(self) -> Sequence[str]:
        try:
            return await run_in_thread(self._source.versions, name="watch")
        except (LengthIndexError, OSError) as error:
            raise NotServingError(f"the place of the index cannot be read: {error}") from error

    def _say_once(self, what: str) -> None:
        if what != self._said:
            self._said = what
            log.warning(what)
