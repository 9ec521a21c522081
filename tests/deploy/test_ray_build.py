"""The job for KubeRay: its pods are valid, and its command is one that the index job takes."""

import shlex
import tomllib

import kubernetes_validate
import pytest
import yaml
from typer.testing import CliRunner

from index_builder.cli.commands import app
from testbed.engine import ROOT

KUBERNETES = "1.34.0"
JOB = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "ray-build.yaml").read_text())
CLUSTER = JOB["spec"]["rayClusterSpec"]
GROUPS = [CLUSTER["headGroupSpec"], *CLUSTER["workerGroupSpecs"]]


def names(group):
    return group.get("groupName", "head")


@pytest.mark.parametrize("group", GROUPS, ids=names)
def test_its_pods_are_valid_and_run_without_rights(group):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, **group["template"]}
    kubernetes_validate.validate(pod, KUBERNETES, strict=True)
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    [container] = pod["spec"]["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_the_ray_of_the_cluster_is_the_one_that_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"ray[data]=={CLUSTER['rayVersion']}" in project["optional-dependencies"]["ray"]
    assert f"'ray[default]=={CLUSTER['rayVersion']}'" in (
        (ROOT / "docker" / "ray.Dockerfile").read_text()
    )


def test_a_worker_has_the_cores_that_its_pod_asks_for():
    [group] = CLUSTER["workerGroupSpecs"]
    [container] = group["template"]["spec"]["containers"]
    assert group["rayStartParams"]["num-cpus"] == container["resources"]["requests"]["cpu"]


def test_its_command_is_one_that_the_index_job_takes(tmp_path):
    """As it stands but for the places, which are folders here, and without Ray."""
    python, dash_m, module, *arguments = shlex.split(JOB["spec"]["entrypoint"])
    assert (python, dash_m, module) == ("python", "-m", "index_builder")
    here = [
        str(tmp_path / one.removeprefix("s3://")) if one.startswith("s3://") else one
        for one in arguments
    ]
    done = CliRunner().invoke(app, here)
    assert "lengthwise/history: no such file or folder" in str(done.exception)
