"""The manifests of deploy/kubernetes/autoscaling: valid, and of one mind with fleet.yaml."""

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from autoscaler.config.fleet_config import read_config
from autoscaler.core.fleet import Pool

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes" / "autoscaling"
KUBERNETES = "1.34.0"


def resources(file: str) -> list[dict]:
    return list(yaml.safe_load_all((FOLDER / file).read_text()))


SCALED = resources("scaled-objects.yaml")


@pytest.mark.parametrize(
    "resource",
    resources("autoscaler.yaml") + resources("rbac.yaml"),
    ids=lambda one: one["kind"],
)
def test_what_kubernetes_knows_is_valid(resource):
    kubernetes_validate.validate(resource, KUBERNETES, strict=True)


def test_the_fleet_is_one_that_the_autoscaler_reads():
    assert set(read_config(FOLDER / "fleet.yaml").pools) == set(Pool)


@pytest.mark.parametrize("scaled", SCALED, ids=lambda one: one["metadata"]["name"])
def test_each_pool_has_a_scaled_object_with_its_own_limits_that_hears_every_change(scaled):
    spec = scaled["spec"]
    (trigger,) = spec["triggers"]
    pool = read_config(FOLDER / "fleet.yaml").pools[Pool(trigger["metadata"]["pool"])]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (pool.min, pool.max)
    assert (trigger["type"], trigger["metricType"]) == ("external", "AverageValue")
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert float(behavior["scaleUp"]["tolerance"]) == 0
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 0
    assert spec["fallback"]["behavior"] == "currentReplicasIfHigher"
    assert spec["fallback"]["replicas"] >= max(1, pool.min)


def test_scaled_objects_ask_the_service_at_its_port_and_name_all_pools():
    service = next(one for one in resources("autoscaler.yaml") if one["kind"] == "Service")
    address = f"{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    asked = [one["spec"]["triggers"][0]["metadata"] for one in SCALED]
    assert {one["scalerAddress"] for one in asked} == {address}
    assert {one["pool"] for one in asked} == set(Pool)


def test_every_file_of_the_folder_is_in_its_kustomization():
    (asked,) = resources("kustomization.yaml")
    named = {*asked["resources"], *asked["configMapGenerator"][0]["files"], "kustomization.yaml"}
    assert named == {path.name for path in FOLDER.iterdir()}


def test_the_autoscaler_may_do_to_pods_what_its_two_calls_do_and_nothing_else():
    kinds = {one["kind"]: one for one in resources("rbac.yaml")}
    (rule,) = kinds["Role"]["rules"]
    assert (rule["resources"], rule["verbs"]) == (["pods"], ["list", "patch"])
    account = kinds["ServiceAccount"]["metadata"]["name"]
    assert kinds["RoleBinding"]["roleRef"]["name"] == kinds["Role"]["metadata"]["name"]
    assert [one["name"] for one in kinds["RoleBinding"]["subjects"]] == [account]
    (deployment,) = (one for one in resources("autoscaler.yaml") if one["kind"] == "Deployment")
    assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == account


def test_the_ports_of_the_service_are_those_that_the_fleet_listens_at():
    config = read_config(FOLDER / "fleet.yaml")
    assert config.demand
    assert config.metrics
    listens = {
        "keda": config.keda.listen,
        "demand": config.demand.listen,
        "metrics": config.metrics.listen,
    }
    service = next(one for one in resources("autoscaler.yaml") if one["kind"] == "Service")
    ports = {one["name"]: one["port"] for one in service["spec"]["ports"]}
    assert ports == {name: int(at.rpartition(":")[2]) for name, at in listens.items()}


def test_the_pods_that_are_marked_are_in_the_namespace_that_all_is_put_into():
    (asked,) = resources("kustomization.yaml")
    kubernetes = read_config(FOLDER / "fleet.yaml").kubernetes
    assert kubernetes is not None
    assert kubernetes.namespace == asked["namespace"]
    assert set(kubernetes.pods) == set(Pool)
