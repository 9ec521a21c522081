"""What the shipped dashboard and the alerts ask Prometheus."""

import json
import re

import yaml

from testbed.engine import ROOT

DASHBOARD = ROOT / "docker" / "grafana" / "dashboards" / "lengthwise.json"
ALERTS = ROOT / "docker" / "prometheus" / "alerts.yml"
SCRAPING = ROOT / "docker" / "prometheus" / "prometheus.yml"

NAME = re.compile(r"\b(?:lengthwise_|process_|vllm:)\w+")

RATE_INTERVAL = "20s"
"""What Grafana puts for $__rate_interval, four times the interval of scraping."""


def panels() -> list[dict]:
    return [p for p in json.loads(DASHBOARD.read_text())["panels"] if p["type"] != "row"]


def alerts() -> list[dict]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> list[str]:
    """All of them, in PromQL."""
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    notes = json.loads(DASHBOARD.read_text())["annotations"]["list"]
    asked += [note["expr"] for note in notes]
    asked = [query.replace("$__rate_interval", RATE_INTERVAL) for query in asked]
    return asked + [rule["expr"] for rule in alerts()]


def metrics_asked() -> set[str]:
    """Names of the time series in the queries, but for `up`, which Prometheus itself makes."""
    return {name for query in queries() for name in NAME.findall(query)}
