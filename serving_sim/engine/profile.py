"""An engine's measured or published figures, as a file."""

import json
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from serving_sim.engine.cost_model import StepCost
from serving_sim.errors import InvalidEngineError

SHIPPED = ("ssjf", "opt-13b-a100-40gb")
"""Names of the files in profiles/; each says where its figures are from."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What an engine costs and holds.

    Args:
        name: Of the engine and its LLM.
        source: Where the figures are from.
        cost: The time of its steps.
        kv_blocks: Of keys and values in memory; None for as many as are wanted.
        block_tokens: Tokens whose keys and values one block holds.
        kv_bytes_per_token: Of keys and values; None where unknown.
        outside_s: Of a request, outside of the engine's steps: HTTP, tokeniser, client. It comes on
            top of simulated times, and is not in them.
        max_model_tokens: Of a prompt and its answer together; None for any.
        link_bytes_per_s: Between the GPU and the CPU; None where unknown.
    """

    name: str
    source: str
    cost: StepCost
    kv_blocks: int | None = None
    block_tokens: int = 16
    kv_bytes_per_token: float | None = None
    link_bytes_per_s: float | None = None
    outside_s: float | None = None
    max_model_tokens: int | None = None

    @classmethod
    def from_name(cls, name_or_path: str) -> "Profile":
        """One that is shipped, by its name, or any other by its path.

        Raises:
            InvalidEngineError: It is neither.
        """
        if name_or_path in SHIPPED:
            text = (files("serving_sim.engine") / "profiles" / f"{name_or_path}.json").read_text(
                "utf-8"
            )
            return cls.from_dict(json.loads(text))
        path = Path(name_or_path)
        try:
            return cls.from_dict(json.loads(path.read_text("utf-8")))
        except OSError as error:
            raise InvalidEngineError(
                f"profile {name_or_path!r}: expected one of {', '.join(SHIPPED)}, or a file "
                f"({error.strerror})"
            ) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InvalidEngineError(
                f"{path} is no profile: expected JSON with a name, a source and a cost of "
                f"{', '.join(field.name for field in fields(StepCost))} ({error})"
            ) from error

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Profile":
        """From JSON."""
        cost = StepCost(**{name: float(value) for name, value in content["cost"].items()})
        others = {name: value for name, value in content.items() if name != "cost"}
        return cls(cost=cost, **others)

    def to_dict(self) -> dict[str, Any]:
        """As JSON, without what is not known."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        known = {name: value for name, value in values.items() if value is not None}
        return {**known, "cost": self.cost.to_dict()}
