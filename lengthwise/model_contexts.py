"""How many tokens fit into an LLM: no answer of it is longer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from lengthwise.request import MAX_OUTPUT_TOKENS

EXPECTED = "expected NAME=TOKENS, several with commas; TOKENS alone holds for all other LLMs"
"""How contexts are written, for messages."""


@dataclass(frozen=True, slots=True)
class ModelContexts:
    """The contexts of some LLMs.

    Args:
        by_model: Tokens of prompt and answer together, by the name of the LLM.
        others: Of every other LLM, in tokens; None where it is not known.
    """

    by_model: Mapping[str, int] = field(default_factory=lambda: MappingProxyType(dict[str, int]()))
    others: int | None = None

    @classmethod
    def parse(cls, text: str) -> "ModelContexts":
        """Read what an operator wrote, such as "vicuna-7b=2048,llama-70b=131072".

        Raises:
            ValueError: It is nothing of that kind.
        """
        by_model: dict[str, int] = {}
        others = None
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, _, number = part.rpartition("=")
            if not number.isdecimal() or not 1 <= int(number) <= MAX_OUTPUT_TOKENS:
                raise ValueError(f"{part!r} is no context of an LLM: {EXPECTED}")
            if name:
                by_model[name] = int(number)
            else:
                others = int(number)
        return cls(MappingProxyType(by_model), others)

    def capped(self, model: str, tokens: int) -> int:
        """A length, or the LLM's context where that is shorter."""
        context = self.by_model.get(model, self.others)
        return tokens if context is None else min(tokens, context)


NOT_KNOWN = ModelContexts()
"""Of no LLM: nothing is cut."""
