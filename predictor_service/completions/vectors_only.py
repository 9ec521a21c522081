"""Privacy: what is stored of a prompt is its vector and its length, never its text."""

from collections.abc import Callable, Sequence

import numpy as np

from lengthwise.history.database.completion import Report
from lengthwise.index.record import HistoryRecord
from predictor_service.errors import NotServingError
from predictor_service.failures import unexpected
from predictor_service.serving_index.served_index import ServedIndex

ENCODED_AT_A_TIME = 64
"""The cores are shared with predictions for no longer than a micro-batch takes."""

MAX_WAITING_ROWS = 16_384
"""Reports wait for the encoder in this mode, which is slower than a disk."""

MAX_COMMIT_ROWS = 256


class VectorsOnly:
    """Encodes completions before they are stored; called in the thread that commits.

    A prompt that was predicted a while before it is reported, as most are, is not encoded again:
    the served index remembers its vector.

    Args:
        current: Gives the served index; None while there is none.
    """

    def __init__(self, current: Callable[[], ServedIndex | None]) -> None:
        self._current = current
        self._index: ServedIndex | None = None
        self._encoder_hash = ""

    def __call__(self, records: Sequence[HistoryRecord]) -> Report:
        """Vectors in place of texts.

        Raises:
            NotServingError: There is no encoder yet.
            InternalFailureError: The encoder failed.
        """
        index = self._current()
        if index is None:
            raise NotServingError(
                "completions are stored as vectors, and the index with the encoder is still being "
                "loaded: report them again later"
            )
        if index is not self._index:
            self._index, self._encoder_hash = index, index.info().encoder_hash
        prompts = [record.prompt for record in records]
        try:
            parts = [
                index.encode(prompts[i : i + ENCODED_AT_A_TIME])
                for i in range(0, len(prompts), ENCODED_AT_A_TIME)
            ]
        except Exception as error:  # noqa: BLE001  whatever the encoder raises
            raise unexpected(error, where="encoding completions") from None
        return Report(records, np.concatenate(parts), self._encoder_hash)
