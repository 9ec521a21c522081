"""A completion on its way into the history, and out of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lengthwise.history.database.errors import NoTextError
from lengthwise.index.arrays import FloatMatrix, FloatVector
from lengthwise.index.record import HistoryRecord, RowKey
from lengthwise.request import FinishReason, SamplingConditions

NUL = "\x00"
"""What PostgreSQL refuses in a text."""

REPLACEMENT = "\ufffd"
"""Unicode's sign for what cannot be shown, which takes its place."""


def storable(text: str) -> tuple[str, int]:
    """Replace what some database refuses: NUL characters, and halves of surrogate pairs.

    Returns:
        The text, and its size in bytes.
    """
    if NUL in text:
        text = text.replace(NUL, REPLACEMENT)
    if text.isascii():
        return text, len(text)
    try:
        return text, len(text.encode())
    except UnicodeEncodeError:
        raw = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
        return raw.decode(), len(raw)


VECTOR_TYPE = np.dtype("<f2")
"""How vectors are kept: little-endian float16. Of a unit vector that loses some 0.0003."""


@dataclass(frozen=True, slots=True)
class Report:
    """Completions to be stored together: all of them or none.

    Args:
        records: Completed requests, each with an id of its own.
        vectors: One row for each, float32; if given, the prompts themselves are not stored.
        encoder_hash: Of the encoder that made the vectors.
    """

    records: Sequence[HistoryRecord]
    vectors: FloatMatrix | None = None
    encoder_hash: str = ""

    def __post_init__(self) -> None:
        if self.vectors is not None and len(self.vectors) != len(self.records):
            raise ValueError(f"{len(self.vectors)} vectors for {len(self.records)} completions")


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a report.

    Args:
        new: Those of its completions that were stored.
        duplicates: How many had been stored before, by caller and id.
        differing: Those of the duplicates that say something else than what was stored.
    """

    new: tuple[HistoryRecord, ...]
    duplicates: int
    differing: int = 0


@dataclass(frozen=True, slots=True)
class StoredCompletion(SamplingConditions):
    """One row of the history, with the conditions that it was sampled under.

    Args:
        sequence: Its number, which ascends in the order in which rows were committed.
        request_id: The caller's id of it; with the caller unique in a history.
        caller: Who reported it; "" where that is not known.
        stored_unix_s: When it was stored, in Unix time.
        model: The LLM that answered; "" where it is not known.
        prompt: None where only the vector was kept.
        prompt_chars: Length of the prompt, in characters, also where its text was not kept.
        output_tokens: Length of the answer, in tokens.
        finish_reason: "length" marks an answer that was cut off.
        vector: Of the prompt, float32; None where the text was kept.
        encoder_hash: Of the encoder that made the vector; "" without one.
    """

    sequence: int
    request_id: str
    stored_unix_s: float
    model: str
    prompt: str | None
    prompt_chars: int
    output_tokens: int
    finish_reason: FinishReason
    vector: FloatVector | None
    encoder_hash: str
    caller: str = ""

    @property
    def key(self) -> RowKey:
        """By which an index knows it."""
        return self.caller, self.request_id

    @property
    def record(self) -> HistoryRecord:
        """The same as the index job reads it from files.

        Raises:
            NoTextError: The prompt was not kept.
        """
        if self.prompt is None:
            raise NoTextError(
                f"completion {self.sequence} was stored as a vector of encoder "
                f"{self.encoder_hash!r}, without its text: use the vector"
            )
        return HistoryRecord(
            prompt=self.prompt,
            output_tokens=self.output_tokens,
            model=self.model,
            id=self.request_id,
            finish_reason=self.finish_reason,
            caller=self.caller,
            **self.sampling_options(),
        )
