"""The callback's settings: those of every advisor, and two of its own.

| variable | default | meaning |
|---|---|---|
| LENGTHWISE_ENGINE | vllm | what serves behind LiteLLM, and so what is added to a request: see ENGINES of scheduler_client.gateways.priorities |
| LENGTHWISE_ONLY_MODELS | all | names of LiteLLM's models that are asked about, with commas: those that are served here; the others' requests are left as they are |
"""  # noqa: E501  a table's row is one line

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from scheduler_client.advisor.settings import PREFIX, AdvisorSettings
from scheduler_client.gateways.priorities import ENGINES

DEFAULT_ENGINE = "vllm"
"""Its field is a header, which all others ignore: a field in the body may be a 400 to them."""


@dataclass(frozen=True, slots=True)
class LitellmSettings:
    """What the callback is told.

    Args:
        advisor: Where the predictor is, and how it is asked.
        engine: What serves behind LiteLLM, one of ENGINES: it decides what a request is given.
        only_models: As LiteLLM's callers name them; empty for all.

    Raises:
        ValueError: If there is no such engine; the message names the variable.
    """

    advisor: AdvisorSettings
    engine: str = DEFAULT_ENGINE
    only_models: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise ValueError(
                f"{PREFIX}ENGINE is {self.engine!r}: expected one of {', '.join(ENGINES)}"
            )

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Self | None:
        """Read the settings; None if LENGTHWISE_TARGET is unset or empty: then all is off.

        Raises:
            ValueError: If a value cannot be read or is out of range; the message names the
                variable, the value and what was expected.
        """
        advisor = AdvisorSettings.from_environment(env)
        if advisor is None:
            return None
        names = env.get(f"{PREFIX}ONLY_MODELS", "").split(",")
        return cls(
            advisor,
            env.get(f"{PREFIX}ENGINE", "").strip() or DEFAULT_ENGINE,
            frozenset(name.strip() for name in names if name.strip()),
        )

    def covers(self, model: str) -> bool:
        """Whether requests for a model are asked about."""
        return not self.only_models or model in self.only_models
