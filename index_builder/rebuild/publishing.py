"""The last step of a round: publish what was made, and remove versions that are no longer kept."""

from dataclasses import replace
from pathlib import Path

from index_builder.rebuild.outcome import RoundEnding, RoundOutcome
from index_builder.rebuild.progress import RoundProgress
from lengthwise.index.errors import StaleVersionError, StoreBusyError, StoreError
from lengthwise.index.store import Published


def published(
    outcome: RoundOutcome,
    place: Published,
    folder: Path,
    *,
    keep_versions: int,
    progress: RoundProgress,
) -> RoundOutcome:
    """Make a version current, if the one that it was made to follow still is.

    Args:
        outcome: Of the round so far; `before` is what it was made to follow.
        place: Where it is published, and where old versions are removed.
        folder: The artifact, in a folder of the version's name.
        keep_versions: As in `RebuildOptions`: the newest stay, and whichever is current.
        progress: Is told, and may end the round before anything is published.

    Returns:
        The same, published or overtaken.

    Raises:
        StoreError: The place cannot be written.
    """
    version = folder.name
    progress.note(f"Publishing {version}")
    try:
        place.publish(folder, version, expected=outcome.before)
    except (StaleVersionError, StoreBusyError) as error:
        return replace(outcome, ending=RoundEnding.OVERTAKEN, faults=(str(error),))
    pruned = _prune(place, keep_versions, progress)
    return replace(outcome, ending=RoundEnding.PUBLISHED, version=version, pruned=pruned)


def _prune(place: Published, keep_versions: int, progress: RoundProgress) -> tuple[str, ...]:
    """Versions that are no longer kept; what cannot be removed now goes with the next."""
    try:
        return tuple(place.prune(keep_versions))
    except StoreError as error:
        progress.note(f"Old versions stay: {error}")
        return ()
