"""What the operator's pages list is what there is."""

import re
from pathlib import Path

from predictor_service.config import ServiceConfig, flag
from predictor_service.metrics.collectors import CONCERNS
from predictor_service.metrics.sources import Sources

DOCS = Path(__file__).parents[2] / "docs"


def sources_of(service):
    return Sources(
        calls=service.calls,
        batcher=service.batcher,
        cache=service.cache,
        holder=service.holder,
        serving=lambda: service.health.serving,
        learner=service.learner,
        completions=service._completions,
        reports=service.reports,
        drift=service.drift,
        drift_now=service.drift.snapshot,
        queue_capacity=1,
    )


async def test_the_table_of_metrics_is_what_the_service_tells(serve):
    running = await serve()
    suffix = {"counter": "_total", "info": "_info"}
    told = {
        (family.name.removeprefix("lengthwise_service_") + suffix.get(family.type, ""), family.type)
        for concern in CONCERNS
        for family in concern(sources_of(running.service))
    }
    text = (DOCS / "operations.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)(?:\{[\w,]+\})?` \| (\w+) \|", text, re.MULTILINE)
    assert set(rows) == told
    assert len(rows) == len(told)


def test_every_metric_that_an_alarm_looks_at_exists():
    text = (DOCS / "operations.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `(\w+)(?:\{[\w,]+\})?` \| \w+ \|", text, re.MULTILINE))
    alarms = text.split("### Alarms")[1].split("## Roll back")[0]
    named = set(re.findall(r"\b(\w+_(?:total|seconds|prompts|info|alarm|rows))\b", alarms))
    in_vllm = {name for name in named if name.startswith("lengthwise_")}
    assert named - in_vllm - {"process_resident_memory_bytes"} <= listed
    page = (DOCS / "vllm_reference.md").read_text("utf-8")
    assert in_vllm <= set(re.findall(r"`(lengthwise_\w+)", page))


def test_every_option_stands_in_the_table_of_options():
    text = (DOCS / "service.md").read_text("utf-8")
    rows = re.findall(r"^\| `(--[\w-]+)` \|", text, re.MULTILINE)
    assert sorted(set(rows)) == sorted(flag(name) for name in ServiceConfig.model_fields)
