"""What kustomize makes of deploy/kubernetes/base, for the few features that it uses."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from testbed.engine import ROOT

BASE = ROOT / "deploy" / "kubernetes" / "base"
FEATURES = {
    "apiVersion",
    "kind",
    "namespace",
    "labels",
    "resources",
    "configMapGenerator",
    "images",
}


def resources() -> list[dict[str, Any]]:
    """All of them, as they would be applied."""
    asked = yaml.safe_load((BASE / "kustomization.yaml").read_text())
    assert set(asked) <= FEATURES, f"this test knows no {set(asked) - FEATURES}"
    made = [one for name in asked["resources"] for one in yaml.safe_load_all(read(name))]
    generated = [_config_map(**one) for one in asked["configMapGenerator"]]
    names = dict(generated_name for _, generated_name in generated)
    made = [_with_names(one, names) for one in made]
    made = [_with_tags(one, asked["images"]) for one in made]
    made += [one for one, _ in generated]
    for one in made:
        one["metadata"]["namespace"] = asked["namespace"]
        for labels in asked["labels"]:
            assert labels["includeSelectors"]
            _label(one, labels["pairs"])
    return made


def read(name: str) -> str:
    return (BASE / name).read_text()


def variables(file: str) -> dict[str, str]:
    """Of a file of NAME=value lines."""
    lines = [line for line in read(file).splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def of_kind(kind: str) -> dict[str, Any]:
    [found] = [one for one in resources() if one["kind"] == kind]
    return found


def pod(resource: dict[str, Any]) -> dict[str, Any]:
    """The pod's template in a Deployment or CronJob."""
    spec = resource["spec"]
    return (spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec)["template"]


def _config_map(name: str, envs: list[str]) -> tuple[dict[str, Any], tuple[str, str]]:
    data = {key: value for file in envs for key, value in variables(file).items()}
    hashed = f"{name}-{sha256(json.dumps(data).encode()).hexdigest()[:10]}"
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": hashed}, "data": data}
    return made, (name, hashed)


def _with_names(node: Any, names: dict[str, str]) -> Any:
    """References to generated config maps, with their hashes."""
    if isinstance(node, list):
        return [_with_names(one, names) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: _with_names(value, names) for key, value in node.items()}
    if "configMapRef" in made:
        made["configMapRef"] = {"name": names[made["configMapRef"]["name"]]}
    return made


def _with_tags(node: Any, images: list[dict[str, str]]) -> Any:
    if isinstance(node, list):
        return [_with_tags(one, images) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: _with_tags(value, images) for key, value in node.items()}
    for image in images:
        if made.get("image") == image["name"]:
            made["image"] = f"{image['name']}:{image['newTag']}"
    return made


def _label(node: Any, pairs: dict[str, str]) -> None:
    """To the resource, its pods, and all selectors."""
    node["metadata"].setdefault("labels", {}).update(pairs)
    spec = node.get("spec", {})
    if node["kind"] == "Service":
        spec["selector"].update(pairs)
    elif "selector" in spec:
        spec["selector"]["matchLabels"].update(pairs)
    if "template" in spec or "jobTemplate" in spec:
        pod(node)["metadata"]["labels"].update(pairs)


def files() -> set[Path]:
    return {path for path in BASE.glob("*.yaml") if path.name != "kustomization.yaml"}
