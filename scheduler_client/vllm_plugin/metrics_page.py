"""The sidecar's metrics on vLLM's own page: a folder that both processes know.

With one API server vLLM shows the default registry of that process, which the sidecar's metrics are
not in: it writes them into a file, and a collector reads it. With several, vLLM collects from the
files that prometheus_client keeps for every process, the sidecar's too, and nothing is to be done.
"""

import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from prometheus_client import REGISTRY, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import mark_process_dead
from prometheus_client.parser import text_string_to_metric_families

from scheduler_client.vllm_plugin.log import LOGGER

FOLDER = "LENGTHWISE_METRICS_FOLDER"
"""Set by the process of vLLM's that starts first, inherited by those that it starts."""

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Set by vLLM where it has several API servers: the folder of prometheus_client's files."""

PREFIX = "lengthwise_"
"""Of our metrics: what prometheus_client adds of the process itself is not shown."""

_Sample = tuple[str, tuple[tuple[str, str], ...]]
"""Its name, and its labels."""

_Place = tuple[Path, _Sample]
"""Of a sample: its sidecar's file, too."""

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
        REGISTRY.register(SidecarMetrics(Path(_kept[0].name)))


def write_metrics(engine_index: int) -> None:
    """Write this process's metrics for others to show, if there are any who do.

    Args:
        engine_index: Whose sidecar this is: the next one takes the place of one that was killed.
    """
    if folder := os.environ.get(FOLDER):
        lines = generate_latest(REGISTRY).decode().splitlines(keepends=True)
        file = _file(folder, engine_index)
        aside = file.with_suffix(".new")
        try:
            aside.write_text("".join(line for line in lines if PREFIX in line))
            aside.replace(file)
        except OSError as error:
            LOGGER.debug("the metrics were not written: %s", error)


def withdraw_metrics(engine_index: int) -> None:
    """This process, the sidecar of an engine, ends."""
    if folder := os.environ.get(FOLDER):
        with suppress(OSError):
            _file(folder, engine_index).unlink()


def forget(pid: int) -> None:
    """A sidecar has died: with several API servers its gauges would be shown for ever."""
    if SHARED in os.environ:
        with suppress(OSError):
            mark_process_dead(pid)


def _file(folder: str, engine_index: int) -> Path:
    return Path(folder) / f"{engine_index}.prom"


class SidecarMetrics:
    """Reads what sidecars wrote: a collector of prometheus_client's.

    Args:
        folder: With a file of each.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # A sidecar that is started again counts from 0. Of the sum over several nobody could see
        # that: it would fall by a part, and the rest count as new.
        self._latest: dict[_Place, float] = {}
        self._ended: dict[_Sample, float] = {}

    def describe(self) -> list[Metric]:
        """Nothing is known before a sidecar runs."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The metrics of all sidecars; of the same samples the sum, of gauges the greatest."""
        families: dict[str, Metric] = {}
        values: dict[str, dict[_Sample, float]] = {}
        for file in sorted(self._folder.glob("*.prom")):
            with suppress(OSError, ValueError):
                for family in text_string_to_metric_families(file.read_text()):
                    families[family.name] = family
                    known = values.setdefault(family.name, {})
                    for sample in family.samples:
                        key = sample.name, tuple(sorted(sample.labels.items()))
                        if family.type == "gauge":
                            known[key] = max(known.get(key, 0.0), sample.value)
                        else:
                            known.setdefault(key, self._ended.get(key, 0.0))
                            known[key] += sample.value + self._restarted(file, key, sample.value)
        for name, family in families.items():
            merged = Metric(name, family.documentation, family.type)
            for (sample, labels), value in values[name].items():
                merged.add_sample(sample, dict(labels), value)
            yield merged

    def _restarted(self, file: Path, key: _Sample, value: float) -> float:
        """What the sidecar before had counted, if this is another one; once, to be kept."""
        before = self._latest.get((file, key), 0.0)
        self._latest[file, key] = value
        if value >= before:
            return 0.0
        self._ended[key] = self._ended.get(key, 0.0) + before
        return before
