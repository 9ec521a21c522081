"""The dashboard and the alerts ask for what there is."""

import json
import subprocess
import sys

import promql_parser
import yaml
from prometheus_client import generate_latest

from autoscaler.cli.process import process_from_config
from autoscaler.config.fleet_config import FleetConfig
from testbed.engine import ROOT
from tests.deploy.pictures import DASHBOARD, SCRAPING, alerts, metrics_asked, panels, queries
from tests.deploy.scraped import series

# In a process of its own: the metrics register themselves in the default registry.
PLUGIN_METRICS = """
from prometheus_client import generate_latest
from scheduler_client.vllm_plugin.metrics import PluginMetrics
PluginMetrics()
print(generate_latest().decode())
"""
FLEET = ROOT / "docker" / "autoscaler" / "fleet.yaml"
DRAWN = {"timeseries", "stat"}


def test_every_query_is_promql():
    for query in queries():
        promql_parser.parse(query)


def test_every_metric_of_the_plugin_that_is_asked_for_exists():
    done = subprocess.run(
        [sys.executable, "-c", PLUGIN_METRICS], cwd=ROOT, check=True, capture_output=True, text=True
    )
    asked = {name for name in metrics_asked() if name.startswith("lengthwise_")}
    others = ("lengthwise_service_", "lengthwise_autoscaler_")
    of_plugin = {name for name in asked if not name.startswith(others)}
    assert of_plugin
    assert of_plugin - series(done.stdout) == set()


async def test_every_metric_of_the_service_that_is_asked_for_exists(scraped_service):
    asked = {name for name in metrics_asked() if name.startswith("lengthwise_service_")}
    assert len(asked) > 20
    assert asked - series(scraped_service) == set()


async def test_every_metric_of_the_autoscaler_that_is_asked_for_exists():
    asked = {name for name in metrics_asked() if name.startswith("lengthwise_autoscaler_")}
    assert len(asked) > 10
    config = FleetConfig.model_validate(yaml.safe_load(FLEET.read_text()))
    process = process_from_config(config, lambda: 0.0, lambda _: None)
    assert asked - series(generate_latest(process.metrics.registry).decode()) == set()


def test_panels_have_titles_and_ids_of_their_own_and_lie_beside_each_other():
    assert {panel["type"] for panel in panels()} == DRAWN
    for name in ("id", "title"):
        assert len({panel[name] for panel in panels()}) == len(panels())
    taken = set()
    for place in (panel["gridPos"] for panel in panels()):
        columns = range(place["x"], place["x"] + place["w"])
        cells = {(x, y) for x in columns for y in range(place["y"], place["y"] + place["h"])}
        assert columns.stop <= 24
        assert not cells & taken
        taken |= cells


def test_the_dashboard_draws_from_the_datasource_that_is_provisioned():
    folder = ROOT / "docker" / "grafana" / "provisioning" / "datasources"
    [source] = yaml.safe_load((folder / "prometheus.yml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in panels()} == {source["uid"]}
    assert json.loads(DASHBOARD.read_text())["uid"]


def test_every_alert_says_how_bad_it_is_and_what_is_wrong():
    names = [alert["alert"] for alert in alerts()]
    assert len(set(names)) == len(names)
    for alert in alerts():
        assert alert["labels"]["severity"] in {"warning", "critical"}
        assert alert["annotations"]["summary"]


def test_prometheus_reads_the_alerts_that_are_shipped():
    configuration = yaml.safe_load(SCRAPING.read_text())
    assert [SCRAPING.parent / name for name in configuration["rule_files"]] == [
        SCRAPING.parent / "alerts.yml"
    ]
    jobs = ("predictor", "vllm", "autoscaler")
    asked = {name for query in queries() for name in jobs if f'"{name}"' in query}
    assert asked <= {job["job_name"] for job in configuration["scrape_configs"]}
