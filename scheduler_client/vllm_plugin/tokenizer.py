"""The engine's tokenizer, in a process that has no other use for vLLM."""

from pathlib import Path
from typing import Any

from scheduler_client.vllm_plugin.seams import Tokenizer

LIGHT_MODES = ("auto", "hf")
"""Values of --tokenizer-mode under which tokenizer.json is the whole tokenizer."""


def load_tokenizer(
    *, tokenizer_name: str, tokenizer_mode: str, revision: str | None, **arguments: Any
) -> Tokenizer:
    """Load what is needed to detokenise: from the file alone in milliseconds, where that does.

    Importing vLLM for it takes seconds and half a gigabyte.

    Args:
        tokenizer_name: A folder, or a name that the engine has downloaded.
        tokenizer_mode: As the engine has it.
        revision: Of a name.
        arguments: Further ones of vllm.tokenizers.get_tokenizer.
    """
    file = _tokenizer_file(tokenizer_name, revision) if tokenizer_mode in LIGHT_MODES else None
    if file is not None:
        from tokenizers import Tokenizer as FileTokenizer  # noqa: PLC0415  vLLM's environment

        return FileTokenizer.from_file(str(file))
    from vllm.tokenizers import get_tokenizer  # noqa: PLC0415  takes seconds

    return get_tokenizer(
        tokenizer_name, tokenizer_mode=tokenizer_mode, revision=revision, **arguments
    )


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
