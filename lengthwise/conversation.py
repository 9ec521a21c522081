"""A conversation as one text: the same in the index job and in the service, or retrieval fails."""

from collections.abc import Sequence
from typing import NamedTuple


class ChatMessage(NamedTuple):
    """One message: who said it ("system", "user", "assistant") and what."""

    role: str
    content: str


def render_conversation(messages: Sequence[ChatMessage]) -> str:
    """Render messages, oldest first, into the text that is embedded.

    A single message is its own content, so that a one-turn chat and a plain prompt meet in the
    index. Otherwise each message is a line "role: content" and the last stands bare at the end:
    the encoder keeps the head and the tail of what is too long for it, so the last message, which
    says most about the answer, is never cut away.
    """
    if not messages:
        return ""
    *earlier, last = messages
    return "\n".join([*(f"{m.role}: {m.content}" for m in earlier), last.content])
