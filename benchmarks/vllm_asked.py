"""What `vllm_jct` asks, and the index that predicts it: never built on what is asked."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.workloads import RecordList
from index_builder.build.builder import build_index
from index_builder.build.split import is_held_out
from index_builder.build.train_and_build import train_and_build
from lengthwise.history.files import History, ReadOptions
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, load_encoder
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.record import HistoryRecord

HELD_OUT_SHARE = 0.2
CURRENT = "CURRENT"


@dataclass(frozen=True, slots=True)
class Asked:
    """Prompts with true lengths to ask, and rows with other prompts to learn from.

    Args:
        learnt: None of their prompts is asked.
        pairs: Prompts and true lengths, each prompt once.
        model: The LLM that gave most of the answers.
    """

    learnt: Sequence[HistoryRecord]
    pairs: Sequence[tuple[str, int]]
    model: str

    @classmethod
    def from_files(cls, history: Path, requests: Path, window_tokens: int) -> "Asked":
        """Read both; where they are one file, a fifth of it is asked and the rest learnt.

        Args:
            history: Prompts and lengths to learn from; those that are asked are left out.
            requests: Prompts and lengths to ask.
            window_tokens: Of the engine: what may not fit is left out.

        Raises:
            InvalidInputError: Nothing is left to ask.
        """
        known = _read(history)
        asked = _read(requests)
        if history.resolve() == requests.resolve():
            asked = [record for record in asked if is_held_out(record, HELD_OUT_SHARE)]
        pairs = {r.prompt: r.output_tokens for r in asked if _fits(r, window_tokens)}
        if not pairs:
            raise InvalidInputError(f"{requests} leaves no request that fits {window_tokens}")
        # A conversation's other turns tell as much of its length as the prompt itself.
        groups = {record.group for record in asked if record.group}
        all_asked = {record.prompt for record in asked}
        learnt = [r for r in known if r.prompt not in all_asked and r.group not in groups]
        model, _ = Counter(record.model for record in asked).most_common(1)[0]
        return cls(learnt, list(pairs.items()), model)

    @property
    def mean_tokens(self) -> float:
        """Of the true lengths."""
        return sum(tokens for _, tokens in self.pairs) / len(self.pairs)


def ready_index(asked: Asked, store: Path, *, train: bool) -> Path:
    """The store, built unless there is one.

    Args:
        asked: Gives the rows.
        store: Where it lies.
        train: Train the encoder on the rows first: minutes.
    """
    if (store / CURRENT).exists():
        return store
    rows = RecordList(asked.learnt)
    if train:
        train_and_build(rows, store, DEFAULT_ENCODER)
    else:
        build_index(rows, store, load_encoder())
    return store


def _read(path: Path) -> list[HistoryRecord]:
    return list(History.from_paths(path, ReadOptions(on_error="skip")))


def _fits(record: HistoryRecord, window_tokens: int) -> bool:
    # A token is seldom shorter than two characters, and one that is counts among the failed.
    prompt_tokens = len(record.prompt) // 2 + 2
    return record.output_tokens > 0 and prompt_tokens + record.output_tokens < window_tokens
