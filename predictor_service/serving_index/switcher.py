"""Switches between versions: because the place names another, or because somebody says so."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from lengthwise.index.errors import ArtifactError, LengthIndexError
from predictor_service.errors import (
    NoSuchVersionError,
    NotServingError,
    SwapRefusedError,
    VersionIncompleteError,
    VersionRefusedError,
)
from predictor_service.failures import unexpected
from predictor_service.serving_index.index_holder import IndexHolder
from predictor_service.serving_index.served_index import IndexSource
from predictor_service.serving_index.version_choice import EarlierVersions, VersionChoice
from predictor_service.system.threads import run_in_thread

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Switched:
    """What came of being told to switch.

    Args:
        version: The version that is served now.
        before: The version that was served before.
        place_told: The place names the version now, so that everybody who watches it follows.
    """

    version: str
    before: str
    place_told: bool


class Switcher:
    """The one way from version to version once the first is served. Belongs to one event loop.

    Args:
        holder: Holds the served index, and loads another beside it.
        source: Reads the other versions, from a place that names one of them.
    """

    def __init__(self, holder: IndexHolder, source: IndexSource) -> None:
        self._holder = holder
        self._source = source
        self._choice = VersionChoice()
        self._earlier = EarlierVersions()
        self._lock = asyncio.Lock()
        self._said = ""
        self.failed_looks = 0
        """How often the place could not be read."""

    @property
    def previous(self) -> str:
        """The version that was served before and would be gone back to; empty if there is none.

        Where nothing was served before, `roll_back` looks for an earlier version in the place.
        """
        return next(iter(self._earlier.back_from(self._holder.version, ())), "")

    async def follow(self) -> None:
        """Serve what the place names, unless that was left behind, or is known to be unusable.

        What goes wrong is logged, once, and the old version serves on. A version that could not be
        served is tried again once its files have changed: it may not have been whole yet.
        """
        named, state = "", ""
        async with self._lock:
            try:
                named, state = await run_in_thread(self._look, name="watch")
                version = self._choice.next(named or None, self._holder.version, state)
                if version is not None:
                    await self._fetch(version)
                    await self._move(version)
                    self._choice.clear()
                self._said = ""
            except VersionIncompleteError as error:
                self._choice.refuse(named, state)
                log.warning("index not whole, looked at again", version=named, reason=str(error))
            except (SwapRefusedError, ArtifactError) as error:
                self._choice.refuse(named, state)
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
            self._choice.clear()
            before = self._holder.version
            self._earlier.moved(before, await self._holder.reload())

    async def switch(self, version: str) -> Switched:
        """Serve a version, and have the place name it.

        Args:
            version: Its name; empty for the newest of the place.

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
            for version in self._earlier.back_from(served, known):
                try:
                    return await self._told(version)
                except VersionRefusedError as error:
                    log.warning("cannot go back to a version", version=version, reason=str(error))
            raise VersionRefusedError(
                f"there is no version before {served!r} that can be served: nothing to go back to"
            )

    def _look(self) -> tuple[str, str]:
        """What the place names, and the state of its files where it is not served; blocks."""
        named = self._source.place.current() or ""
        served = named == self._holder.version
        return named, "" if served or not named else self._source.place.state_of(named)

    async def _told(self, version: str) -> Switched:
        before = self._holder.version
        try:
            await self._move(version)
        except SwapRefusedError as error:
            raise VersionRefusedError(f"{version!r}: {error}; {before!r} serves on") from error
        self._choice.clear()
        return Switched(version, before, await self._tell_place(version, before))

    async def _fetch(self, version: str) -> None:
        """Bring a version here: unlike a load that fails, a place out of reach refuses no version.

        Raises:
            SwapRefusedError: What is there is not what its manifest says.
            StoreError: The place cannot be read.
        """
        try:
            await run_in_thread(lambda: self._source.fetch(version), name="fetch")
        except ArtifactError as error:
            raise self._holder.refusal(error) from error

    async def _move(self, version: str) -> None:
        before = self._holder.version
        if version != before:
            self._earlier.moved(before, await self._holder.swap_to(version))

    async def _tell_place(self, version: str, left: str) -> bool:
        """Have the place name a version; if it cannot, hold to the version all the same.

        Args:
            version: What this process serves by now.
            left: The version before, which a place that cannot be read is taken to name.
        """
        named = await self._named()
        if named == version:
            return True
        try:
            await run_in_thread(lambda: self._source.place.make_current(version), name="tell")
        except (LengthIndexError, OSError) as error:
            log.warning("this process alone serves the version", version=version, why=str(error))
            self._choice.held_against = left if named is None else named
            return False
        return True

    async def _named(self) -> str | None:
        try:
            return await run_in_thread(self._source.place.current, name="watch")
        except (LengthIndexError, OSError):
            return None

    async def _versions(self) -> Sequence[str]:
        try:
            return await run_in_thread(self._source.place.versions, name="watch")
        except (LengthIndexError, OSError) as error:
            raise NotServingError(f"the place of the index cannot be read: {error}") from error

    def _say_once(self, what: str) -> None:
        if what != self._said:
            self._said = what
            log.warning(what)


class Watcher:
    """Has the switcher follow the place. Belongs to one event loop.

    Args:
        switcher: Has the version served that the place names.
        poll_s: Seconds between two looks at the place; 0 never looks.
    """

    def __init__(self, switcher: Switcher, *, poll_s: float) -> None:
        self._switcher = switcher
        self._poll_s = poll_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; to be called once the first index is served."""
        if self._poll_s and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Look no more; a version that is being loaded is dropped."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            try:
                await self._switcher.follow()
            except Exception as error:  # noqa: BLE001  the watch must outlive whatever happens
                unexpected(error, where="watching the place of the index")
