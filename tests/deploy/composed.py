"""docker-compose.yml as docker compose reads it: variables filled in, one value per service."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from testbed.engine import ROOT

FILE = ROOT / "docker-compose.yml"

SECONDS = {"s": 1.0, "m": 60.0}
"""What the letter of a duration stands for."""

_VARIABLE = re.compile(r"\$\{(?P<name>\w+):-(?P<default>[^}]*)\}")


@dataclass(frozen=True, slots=True)
class Service:
    """What is run of a service.

    Args:
        name: Its own.
        image: Name and tag.
        command: Program and arguments; empty where the image's own is run.
        environment: Variables.
        health: The command of its health check; empty without one.
        needs: Services that it waits for, to the condition that it waits for.
        profiles: Those that it is part of; always where there is none.
        replicas: How many of it.
        fields: All that the file says.
    """

    name: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    health: tuple[str, ...]
    needs: Mapping[str, str]
    profiles: tuple[str, ...]
    replicas: int
    fields: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """By which other services find it."""
        network = self.fields.get("networks", {}).get("default", {})
        return (self.name, *network.get("aliases", ()))

    @property
    def healthy_within_s(self) -> float:
        """Seconds in which docker lets it become healthy before a failed check counts."""
        period = self.fields["healthcheck"]["start_period"]
        return float(period[:-1]) * SECONDS[period[-1]]

    @classmethod
    def from_fields(cls, name: str, fields: Mapping[str, Any]) -> "Service":
        kind, *health = fields.get("healthcheck", {}).get("test", ["CMD"])
        assert kind == "CMD", f"{name} has a health check of another kind, {kind}"
        needs = fields.get("depends_on", {})
        return cls(
            name,
            fields["image"],
            tuple(fields.get("command", ())),
            {key: str(value) for key, value in fields.get("environment", {}).items()},
            tuple(health),
            {other: need["condition"] for other, need in needs.items()},
            tuple(fields.get("profiles", ())),
            fields.get("deploy", {}).get("replicas", 1),
            fields,
        )


def read_services(variables: Mapping[str, str]) -> dict[str, Service]:
    """The services by name.

    Args:
        variables: Of the environment in which docker compose is run.
    """
    text = _VARIABLE.sub(
        lambda match: variables.get(match["name"], match["default"]), FILE.read_text()
    )
    assert "${" not in text, "a variable without a default: expected ${NAME:-default}"
    services = yaml.safe_load(text)["services"]
    return {name: Service.from_fields(name, fields) for name, fields in services.items()}
