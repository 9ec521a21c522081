"""Chats of a history with the lengths of their answers, before any text is made of them."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.conversation_text.ways_in import WAYS_IN, WayIn
from lengthwise.conversation import ChatMessage
from lengthwise.history.files.messages import plain, read_messages
from lengthwise.history.split import is_held_out
from lengthwise.index.record import HistoryRecord

HOLDOUT = 0.2
"""Share of conversations that are asked about and not indexed, as `benchmarks.accuracy` has it."""


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat up to a user's message, and how long the answer to it was.

    Args:
        messages: Oldest first; the last is the user's.
        output_tokens: Tokens of the assistant's answer to the last message.
        id: The row's own, unique in its file.
        group: The conversation that it is of.
        model: The LLM that answered; "" where it is not known.
    """

    messages: tuple[ChatMessage, ...]
    output_tokens: int
    id: str
    group: str
    model: str

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Chat":
        """From a row: `prompt`, `conversation` (the messages before it) and an id GROUP-TURN."""
        earlier = plain(read_messages(row.get("conversation", []), "conversation"))
        messages = (*earlier, ChatMessage("user", row["prompt"]))
        group = row["id"].rpartition("-")[0]
        return cls(messages, row["output_tokens"], row["id"], group, row["model"])

    def record(self, way_in: WayIn) -> HistoryRecord:
        """As a row of a history whose text was made in one of the ways."""
        text = way_in.text(self.messages)
        return HistoryRecord(text, self.output_tokens, self.model, self.id, group=self.group)


def read_chats(path: Path, *, most: int | None = None) -> list[Chat]:
    """The chats of a gzip'd file of JSON lines, the first `most` of them."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Chat.from_row(row) for row in rows[:most]]


def split(chats: Sequence[Chat], seed: int) -> tuple[list[Chat], list[Chat]]:
    """Chats to index and chats to ask about; all turns of a conversation on one side."""
    indexed: list[Chat] = []
    held_out: list[Chat] = []
    for chat in chats:
        # The group alone decides: the text, whichever way it is made, has no say.
        out = is_held_out(chat.record(WAYS_IN[0]), HOLDOUT, seed)
        (held_out if out else indexed).append(chat)
    return indexed, held_out
