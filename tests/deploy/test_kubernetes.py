"""The kustomize base: valid, consistent, and configured as the programs understand it."""

import subprocess
import sys

import kubernetes_validate
import pytest
import yaml

from predictor_service.config import read_config
from testbed.engine import ROOT
from tests.deploy.kustomized import BASE, files, of_kind, pod, read, resources, variables

KUBERNETES = "1.34.0"
RUN = ("Deployment", "CronJob")


def container(kind):
    [found] = pod(of_kind(kind))["spec"]["containers"]
    return found


@pytest.mark.parametrize("resource", resources(), ids=lambda one: one["kind"])
def test_what_kustomize_would_apply_is_valid(resource):
    kubernetes_validate.validate(resource, KUBERNETES, strict=True)


def test_every_file_of_the_base_is_in_it():
    asked = yaml.safe_load(read("kustomization.yaml"))
    assert {BASE / name for name in asked["resources"]} == files()


def test_the_service_and_the_budget_mean_the_predictors_and_not_the_rebuild():
    labels = pod(of_kind("Deployment"))["metadata"]["labels"]
    others = pod(of_kind("CronJob"))["metadata"]["labels"]
    for selector in (
        of_kind("Service")["spec"]["selector"],
        of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        of_kind("Deployment")["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
        assert not selector.items() <= others.items()


def test_clients_see_every_replica():
    service = of_kind("Service")["spec"]
    assert service["clusterIP"] == "None"
    ports = {port["name"]: port["containerPort"] for port in container("Deployment")["ports"]}
    assert {port["name"]: port["port"] for port in service["ports"]} == ports


@pytest.mark.parametrize("kind", RUN)
def test_pods_run_without_rights_on_files_that_they_cannot_change(kind):
    assert pod(of_kind(kind))["spec"]["securityContext"]["runAsNonRoot"] is True
    rights = container(kind)["securityContext"]
    assert rights["readOnlyRootFilesystem"] is True
    assert rights["allowPrivilegeEscalation"] is False
    assert rights["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("kind", RUN)
def test_pods_get_their_variables_from_the_generated_map(kind):
    references = [
        one["configMapRef"] for one in container(kind)["envFrom"] if "configMapRef" in one
    ]
    assert references == [{"name": of_kind("ConfigMap")["metadata"]["name"]}]


def test_the_service_understands_every_variable_and_listens_where_the_probes_ask(monkeypatch):
    for name, value in variables("lengthwise.env").items():
        monkeypatch.setenv(name, value)
    config = read_config({})
    assert config.host == "0.0.0.0"
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container("Deployment")[probe]["grpc"]["port"] == config.port
    mounted = {mount["mountPath"] for mount in container("Deployment")["volumeMounts"]}
    assert str(config.index_cache) in mounted
    assert pod(of_kind("Deployment"))["spec"]["terminationGracePeriodSeconds"] > (
        config.drain_timeout_s
    )
    names = {name.removeprefix("LENGTHWISE_").lower() for name in variables("lengthwise.env")}
    assert names <= set(type(config).model_fields)


def test_the_rebuild_takes_all_that_it_needs_from_the_variables(tmp_path):
    """Its command as it stands, on a history and a store that are there."""
    command = container("CronJob")["command"]
    assert command[0] == "python"
    places = {
        "LENGTHWISE_INDEX": str(tmp_path / "index"),
        "LENGTHWISE_COMPLETIONS": str(tmp_path / "missing.db"),
    }
    done = subprocess.run(
        [sys.executable, *command[1:]],
        env={**variables("lengthwise.env"), **places, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "missing.db" in done.stdout + done.stderr
