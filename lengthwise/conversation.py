"""A conversation as one text: the same wherever it comes in, or retrieval misses its own repeats.

The history's reader, the service and every gateway that has the messages call
`render_conversation`. Whoever has only what a chat template made of them, as an engine does, calls
`chat_template.chat_text`, which recovers the messages first.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

CANONICAL_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "developer": "system",
    "function": "tool",
    "ipython": "tool",
    "observation": "tool",
}
"""Names of roles in logs and templates -> those of OpenAI's API, which a canonical text has."""

_DEFAULT_SYSTEM_PROMPT = re.compile(
    r"You are ([\w ]+, (created|trained|made) by [\w ]+\. You are )?"
    r"an? (helpful )?(AI )?assistant( named [\w ]+, (created|trained|made) by [\w ]+)?\.?"
    r"|A chat between a curious (user|human) and an artificial intelligence assistant\. [^\n]*"
)
"""What templates say where no system prompt is given: Qwen's, SmolLM's, Vicuna's and their kin."""


class ChatMessage(NamedTuple):
    """One message: who said it ("system", "user", "assistant", "tool") and what."""

    role: str
    content: str


def render_conversation(messages: Sequence[ChatMessage]) -> str:
    """Render messages, oldest first, into the text that is embedded: the canonical one.

    A single message is its own content, so that a one-turn chat and a plain prompt meet in the
    index. Otherwise each message is a line "role: content" and the last stands bare at the end:
    the encoder keeps the head and the tail of what is too long for it, so the last message, which
    says most about the answer, is never cut away.

    What a chat template would take away or add makes no difference: space around a content goes,
    and so do messages that say nothing and a system prompt that some LLM's template says on its
    own. Roles get their usual names. An index that was built without this rule holds its chats in
    the same lines, with such space and system prompts in them: space the encoder does not see, and
    where it holds default system prompts, what is asked now lacks them. Plain prompts never come
    through here, and mean what they meant.
    """
    said = [m for m in map(_canonical, messages) if m.content]
    own = [m for m in said if not is_default_system_prompt(m)] or said
    if not own:
        return ""
    *earlier, last = own
    return "\n".join([*(f"{m.role}: {m.content}" for m in earlier), last.content])


def is_default_system_prompt(message: ChatMessage) -> bool:
    """Whether it is what a template says where nobody said anything."""
    if message.role != "system":
        return False
    return _DEFAULT_SYSTEM_PROMPT.fullmatch(message.content) is not None


def _canonical(message: ChatMessage) -> ChatMessage:
    role = message.role.strip().lower()
    return ChatMessage(CANONICAL_ROLES.get(role, role), message.content.strip())
