"""A pool's pods in Kubernetes: listed, and annotated with the cost of their deletion."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError

from autoscaler.errors import InvalidConfigError, KubernetesError

ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"
"""Kubernetes' own: pods of lower cost are stopped first."""

ENDED = ("Failed", "Succeeded")
"""Phases of pods that a ReplicaSet counts no more: evicted ones stay listed."""

TIMEOUT_S = 2.0
"""For one call: a decision waits for it, and KEDA is answered with the one before meanwhile."""


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod.

    Args:
        name: Of the pod, unique in its namespace.
        ip: Its address; "" while it has none.
        cost: Of its deletion as annotated; 0 without, or if it is no number.
    """

    name: str
    ip: str
    cost: int


class Pods(Protocol):
    """The two things that are done to pods."""

    def alive(self, selector: str) -> Sequence[Pod]:
        """Those with these labels that are not being deleted."""
        ...

    def set_cost(self, name: str, cost: int) -> None:
        """Annotate one; 0 takes the annotation away."""
        ...


class KubernetesPods:
    """By the API server's two calls: list pods, patch a pod.

    Args:
        namespace: Where the engines' pods are.
        api: The official client, set up to call the API server.
    """

    def __init__(self, namespace: str, api: client.CoreV1Api) -> None:
        self._namespace = namespace
        self._api = api

    @classmethod
    def from_cluster(cls, namespace: str) -> "KubernetesPods":
        """With the service account of the pod that this runs in.

        Raises:
            InvalidConfigError: If it runs in no pod, or without a service account's token.
        """
        try:
            config.load_incluster_config()
        except ConfigException as error:
            raise InvalidConfigError(
                f"kubernetes is configured, but this is no pod with a service account: {error}"
            ) from error
        return cls(namespace, client.CoreV1Api())

    def alive(self, selector: str) -> list[Pod]:
        """Those with these labels that run, or will, and are not being deleted.

        Raises:
            KubernetesError: If the API server cannot be asked, or refuses.
        """
        try:
            listed: Any = self._api.list_namespaced_pod(
                self._namespace, label_selector=selector, _request_timeout=TIMEOUT_S
            )
        except (ApiException, HTTPError) as error:
            raise KubernetesError(f"pods {selector} cannot be listed: {_said(error)}") from error
        return [
            Pod(one.metadata.name, one.status.pod_ip or "", _cost(one.metadata.annotations))
            for one in listed.items
            if one.metadata.deletion_timestamp is None and one.status.phase not in ENDED
        ]

    def set_cost(self, name: str, cost: int) -> None:
        """Annotate one; 0 takes the annotation away.

        Raises:
            KubernetesError: If the API server cannot be asked, or refuses.
        """
        value = str(cost) if cost else None
        body = {"metadata": {"annotations": {ANNOTATION: value}}}
        try:
            self._api.patch_namespaced_pod(name, self._namespace, body, _request_timeout=TIMEOUT_S)
        except (ApiException, HTTPError) as error:
            raise KubernetesError(f"pod {name} cannot be annotated: {_said(error)}") from error


def _cost(annotations: dict[str, str] | None) -> int:
    try:
        return int((annotations or {}).get(ANNOTATION, "0"))
    except ValueError:
        return 0


def _said(error: Exception) -> str:
    """The client's own message is a page of headers."""
    if isinstance(error, ApiException):
        return f"{error.status} {error.reason}"
    return str(error)
