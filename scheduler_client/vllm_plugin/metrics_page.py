"""The sidecars' metrics on vLLM's own page: a folder in which prometheus_client keeps them.

With several API servers vLLM has such a folder for the metrics of all its processes, and its page
shows what is in it. With one, the page shows the registry of that process: a folder of our own is
made then, and a collector reads it.
"""

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress

from prometheus_client import REGISTRY, values
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from scheduler_client.vllm_plugin.log import LOGGER

FOLDER = "LENGTHWISE_METRICS_FOLDER"
"""Set by the process of vLLM's that starts first, inherited by those that it starts."""

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Names vLLM's folder, where it has several API servers, and to prometheus_client any."""

ROOM_BYTES = 2**20
"""More than the files take. They are mapped: on a full disk the process would be ended."""

_kept: list["tempfile.TemporaryDirectory[str]"] = []


def show_metrics() -> None:
    """Have this process's default registry show the metrics of every sidecar; once."""
    if SHARED in os.environ or _kept:
        return
    # vLLM starts its own processes by multiprocessing. One started otherwise may inherit a folder
    # as well, from a program that runs an engine itself: its page would not show that one.
    starts_first = multiprocessing.parent_process() is None
    if starts_first or FOLDER not in os.environ:
        _kept.append(tempfile.TemporaryDirectory(prefix="lengthwise-"))
        os.environ[FOLDER] = _kept[0].name
        REGISTRY.register(SidecarMetrics(_kept[0].name))


def keep_metrics(owner: str) -> None:
    """Have the metrics of this process, a sidecar, kept in the folder; before any are made.

    Args:
        owner: Letters and digits that no other engine's sidecar has: one that takes the place of
            another, which was killed, goes on with its counts.
    """
    folder = _folder()
    if folder is None:
        return
    try:
        kept = os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= ROOM_BYTES
    except OSError:
        kept = False
    if kept:
        os.environ[SHARED] = folder
        values.ValueClass = values.MultiProcessValue(lambda: owner)
    else:
        LOGGER.warning("Lengthwise's metrics are not on vLLM's page: no room in %s", folder)


def forget(owner: str) -> None:
    """A sidecar has ended: its counts stay, its gauges would be shown for ever."""
    if folder := _folder():
        with suppress(OSError):
            mark_process_dead(owner, folder)


def _folder() -> str | None:
    return os.environ.get(SHARED) or os.environ.get(FOLDER)


class SidecarMetrics:
    """Reads what is kept of all sidecars: a collector of prometheus_client's.

    Args:
        folder: In which prometheus_client keeps it.
    """

    def __init__(self, folder: str) -> None:
        self._metrics = MultiProcessCollector(None, folder)

    def describe(self) -> list[Metric]:
        """Nothing is known before a sidecar runs."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The metrics; none where they cannot be read: the page is vLLM's."""
        try:
            return self._metrics.collect()
        except Exception:  # noqa: BLE001  as above
            LOGGER.debug("the sidecars' metrics were not read", exc_info=True)
            return []
