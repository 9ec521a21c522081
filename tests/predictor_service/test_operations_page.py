"""What the operator's pages list is what there is."""

import re
from pathlib import Path

import yaml

from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.config import ServiceConfig, flag
from predictor_service.metrics.collectors import CONCERNS
from predictor_service.metrics.sources import Sources

DOCS = Path(__file__).parents[2] / "docs"
ALERTS = Path(__file__).parents[2] / "docker" / "prometheus" / "alerts.yml"


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


def rules() -> dict[str, dict[str, str]]:
    """Name and expression of each alarm that is shipped, by its group."""
    groups = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    return {
        group["name"]: {rule["alert"]: rule["expr"] for rule in group["rules"]} for group in groups
    }


def test_every_alarm_that_is_shipped_stands_in_the_table_of_alarms():
    text = (DOCS / "operations.md").read_text("utf-8")
    alarms = text.split("### Alarms")[1].split("## Roll back")[0]
    columns = re.findall(r"^\| (`[^|]+) \|", alarms, re.MULTILINE)
    shipped = rules()
    assert sorted(re.findall(r"`(\w+)`", " ".join(columns))) == sorted(
        name for group in ("predictor", "index", "engine") for name in shipped[group]
    )


async def test_the_alarm_on_missing_reports_sees_what_is_predicted_within_an_open_stream(serve):
    running = await serve()
    call = running.stub.PredictStream()
    message = pb.PredictStreamRequest(requests=[pb.PredictRequest(prompt="asked twice")])
    for _ in range(2):
        await call.write(message)
        await call.read()
    asked = rules()["predictor"]["NoReports"].partition("== 0")[2]
    selected = re.findall(r"lengthwise_service_(\w+)(?:\{(\w+)=\"(\w+)\"\})?\[", asked)
    samples = [
        sample
        for concern in CONCERNS
        for family in concern(sources_of(running.service))
        for sample in family.samples
    ]
    grown = [
        sum(
            sample.value
            for sample in samples
            if sample.name == f"lengthwise_service_{name}" and sample.labels.get(label, "") == value
        )
        for name, label, value in selected
    ]
    assert grown == [1, 1], "one was computed, one came from the cache"
    await call.done_writing()


def test_every_option_stands_in_the_table_of_options():
    text = (DOCS / "service.md").read_text("utf-8")
    rows = re.findall(r"^\| `(--[\w-]+)` \|", text, re.MULTILINE)
    assert sorted(set(rows)) == sorted(flag(name) for name in ServiceConfig.model_fields)
