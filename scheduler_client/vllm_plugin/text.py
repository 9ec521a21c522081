"""Token ids as text: what a prompt says, and where a stop string ended an answer."""

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lengthwise.chat_template import ChatTemplate, chat_text
from scheduler_client.vllm_plugin.chat_template_file import load_chat_template

MAX_DECODED_TOKENS = 2048
"""More than any encoder's window; of a longer prompt the head and the tail, as the encoder does."""

MAX_TAIL_TOKENS = 64
"""The string came in the last tokens, or it was not the string that ended the answer."""

LIGHT_MODES = ("auto", "hf")
"""Values of --tokenizer-mode under which tokenizer.json is the whole tokenizer."""


def head_and_tail(token_ids: list[int]) -> list[int]:
    """The tokens of a prompt that its text is made of; of a short one the list itself."""
    if len(token_ids) <= MAX_DECODED_TOKENS:
        return token_ids
    half = MAX_DECODED_TOKENS // 2
    return [*token_ids[:half], *token_ids[-half:]]


def prompt_text(tokenizer: Any, token_ids: list[int], template: ChatTemplate | None = None) -> str:
    """The text that a prompt is asked and learnt by; empty if there is none.

    A chat arrives as its template rendered it. It is read back into messages and becomes the text
    that histories and the service make of those; where it cannot be, and of a plain prompt, it is
    the text less special tokens, which are noise to an encoder.

    Args:
        tokenizer: The engine's; None if it has none.
        token_ids: Of the prompt, or its head and tail.
        template: The LLM's own; without one the known families of templates are tried.
    """
    if tokenizer is None or not token_ids:
        return ""
    chat = chat_text(tokenizer.decode(token_ids, skip_special_tokens=False), template)
    return chat or tokenizer.decode(token_ids, skip_special_tokens=True).strip()


def tokens_until_stop(
    tokenizer: Any,
    output_ids: Sequence[int],
    stop: Sequence[str],
    *,
    skip_special_tokens: bool = True,
) -> int | None:
    """The tokens of an answer's end up to the one that completed a stop string.

    The engine core knows no text: the API server sees a stop string come and aborts the request, a
    token or two later. Such an answer ended by itself, as long as it was when the string came.

    Args:
        tokenizer: The engine's; None if it has none, and then no string is found.
        output_ids: Ids of the answer's last tokens, up to MAX_TAIL_TOKENS of them.
        stop: The strings that were to end it, any of them.
        skip_special_tokens: As the request has it: one of them may be such a token.

    Returns:
        None if none of them is there: the caller has left.
    """
    if tokenizer is None:
        return None

    def stopped(tokens: int) -> bool:
        ids = list(output_ids[:tokens])
        text = tokenizer.decode(ids, skip_special_tokens=skip_special_tokens)
        return any(string in text for string in stop)

    if not stopped(len(output_ids)):
        return None
    return bisect_left(range(len(output_ids) + 1), True, key=stopped)


def load_tokenizer(
    *, tokenizer_name: str, tokenizer_mode: str, revision: str | None, **arguments: Any
) -> Any:
    """Load what is needed to detokenise: from the file alone in milliseconds, where that does.

    Importing vLLM for it takes seconds and half a gigabyte.

    Args:
        tokenizer_name: A folder, or a name that the engine has downloaded.
        tokenizer_mode: As the engine has it.
        revision: Branch, tag or commit of a name in a model hub; None takes its default.
        arguments: Handed to vllm.tokenizers.get_tokenizer where the file alone does not do.
    """
    file = _tokenizer_file(tokenizer_name, revision) if tokenizer_mode in LIGHT_MODES else None
    if file is not None:
        from tokenizers import Tokenizer as FileTokenizer  # noqa: PLC0415  vLLM's environment

        return FileTokenizer.from_file(str(file))
    from vllm.tokenizers import get_tokenizer  # noqa: PLC0415  takes seconds

    return get_tokenizer(
        tokenizer_name, tokenizer_mode=tokenizer_mode, revision=revision, **arguments
    )


def load_template(
    *, tokenizer_name: str, revision: str | None, **_arguments: Any
) -> ChatTemplate | None:
    """The chat template of the tokenizer, for reading chats back; None if there is none to read.

    It takes the arguments of `load_tokenizer`, of which those that find the file matter.
    """
    file = _tokenizer_file(tokenizer_name, revision)
    return load_chat_template(file.parent) if file is not None else None


def _tokenizer_file(name: str, revision: str | None) -> Path | None:
    """The file of a tokenizer; None if it has none, or is Mistral's own."""
    folder = Path(name)
    if not folder.is_dir():
        from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415  as above

        cached = try_to_load_from_cache(name, "tokenizer.json", revision=revision)
        if not isinstance(cached, str):
            return None
        folder = Path(cached).parent
    file = folder / "tokenizer.json"
    return file if file.exists() and not (folder / "tekken.json").exists() else None
