"""Where in an answer a stop string ended it.

The engine core knows no text: the API server sees a stop string come and aborts the request, a
token or two later. That is an answer that ended by itself, and its length is where the string came.
"""

from bisect import bisect_left
from collections.abc import Sequence

from scheduler_client.vllm_plugin.seams import Tokenizer

MAX_TAIL_TOKENS = 64
"""The string came in the last tokens, or it was not the string that ended the answer."""


def tokens_until_stop(
    tokenizer: Tokenizer | None, output_ids: Sequence[int], stop: Sequence[str]
) -> int | None:
    """The tokens of an answer up to the one that completed a stop string.

    Args:
        tokenizer: The engine's.
        output_ids: The answer's tokens, and perhaps some after it.
        stop: The strings.

    Returns:
        None if none of them is there: the caller has left.
    """
    if tokenizer is None:
        return None
    before = len(output_ids) - min(len(output_ids), MAX_TAIL_TOKENS)

    def stopped(tokens: int) -> bool:
        text = tokenizer.decode(list(output_ids[:tokens]), skip_special_tokens=True)
        return any(string in text for string in stop)

    if not output_ids or not stopped(len(output_ids)):
        return None
    if before and stopped(before):
        return None
    return bisect_left(range(before, len(output_ids) + 1), True, key=stopped) + before
