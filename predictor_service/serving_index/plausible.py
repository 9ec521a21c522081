"""Which reported lengths may count at once, before a build has looked at them all."""

from collections.abc import Sequence
from dataclasses import replace

from lengthwise.index.record import HistoryRecord
from predictor_service.serving_index.served_index import ServedIndex

ABSURD_FACTOR = 4.0
"""So many times the longest known answer of an LLM is no answer of it: the number is wrong, or the
name of the LLM. A prompt of a new kind may well get an answer twice as long as any before."""


def plausible(index: ServedIndex, records: Sequence[HistoryRecord]) -> list[HistoryRecord]:
    """The records that may count at once, none longer than what the index knows of its LLM.

    One caller that reports nonsense must not move what all others are told within a second. What is
    left out or cut here is stored as it came, and the next build sees it beside everything else. Of
    an LLM that the index does not know nothing is left out.

    Args:
        index: The one that is to learn them.
        records: As they were reported, with lengths that nobody has looked at.
    """
    found: list[HistoryRecord] = []
    for record in records:
        longest = index.longest_tokens(record.model)
        if longest is None or record.output_tokens <= longest:
            found.append(record)
        elif record.output_tokens <= ABSURD_FACTOR * longest:
            found.append(replace(record, output_tokens=longest))
    return found
