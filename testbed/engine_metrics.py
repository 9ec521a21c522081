"""Reads what vLLM and its plugins count at /metrics."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of the Prometheus text format."""

    name: str
    labels: Mapping[str, str]
    value: float


def parse_metrics(text: str) -> list[Sample]:
    """The samples of a Prometheus text; comments are left out."""
    found = (SAMPLE.match(line) for line in text.splitlines() if not line.startswith("#"))
    return [
        Sample(match["name"], dict(LABEL.findall(match["labels"] or "")), float(match["value"]))
        for match in found
        if match is not None
    ]


def total(samples: list[Sample], name: str, **labels: str) -> float:
    """The sum of a metric over all label sets that agree with these; 0 where there is none."""
    wanted = labels.items()
    return sum(s.value for s in samples if s.name == name and wanted <= s.labels.items())
