"""Opens the store of completions that the configuration asks for."""

from collections.abc import Callable
from pathlib import Path

import structlog

from lengthwise.history.database.place_kind import names_database
from predictor_service.completions.completion_file import CompletionFile
from predictor_service.completions.completion_store import CompletionStore, MemoryCompletions
from predictor_service.completions.group_commit import GroupCommit
from predictor_service.config import ServiceConfig
from predictor_service.serving_index.served_index import ServedIndex

log = structlog.get_logger(__name__)


def open_completions(
    config: ServiceConfig,
    current: Callable[[], ServedIndex | None],
    prepare_thread: Callable[[], None],
) -> CompletionStore:
    """Open the store. To be called inside a running event loop, for which it is.

    Args:
        config: All options.
        current: Gives the served index, whose encoder is used where only vectors are stored.
        prepare_thread: Called once in a thread that encodes.

    Raises:
        StartUpError: It cannot be used.
    """
    if config.completions is None:
        log.warning("completions are kept in memory and end with the process: see --completions")
        return MemoryCompletions()
    if not names_database(config.completions):
        return GroupCommit(CompletionFile(Path(config.completions)))
    # Half a second of SQLAlchemy, only where it is wanted.
    from predictor_service.completions.database_completions import (  # noqa: PLC0415
        DatabaseCompletions,
    )

    return DatabaseCompletions.open(config, current, prepare_thread)
