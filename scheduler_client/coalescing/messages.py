"""Which calls go in one message: decisions only."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from lengthwise.prediction import Prediction
from lengthwise.request import PredictionQuery

TOGETHER_PROMPTS = 8
"""Prompts of a message at most: up to these the service takes it for a lone call, which goes before
bulk; and most of what a call costs is saved by then."""

TOGETHER_CHARS = 2_048
"""Characters of a message of several prompts at most, for the same reason."""


class Waiting(NamedTuple):
    """A call that has not gone yet."""

    query: PredictionQuery
    answer: "asyncio.Future[Prediction]"


def messages_of(calls: Sequence[Waiting]) -> list[list[Waiting]]:
    """Divide what came together into messages that are small enough to be lone calls, in order."""
    messages: list[list[Waiting]] = []
    chars = 0
    for call in calls:
        # A conversation's length is not known before it is written: it goes alone.
        size = len(call.query.prompt) if not call.query.messages else TOGETHER_CHARS
        chars += size
        if not messages or len(messages[-1]) == TOGETHER_PROMPTS or chars > TOGETHER_CHARS:
            messages.append([])
            chars = size
        messages[-1].append(call)
    return messages
