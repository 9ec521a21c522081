"""Ends an answer by itself at its true length, where vLLM runs with this logits processor.

`ignore_eos` with `max_tokens` at the true length ends it there too, but tells it in advance to
whoever reads the caller's limit, as a predictor does, and marks every answer as cut off. Here the
end-of-text token is forbidden until the last place and certain there, as far as `vllm_xargs` says
so; requests that say nothing are left alone. One that names a stop string gets that in the last
place, which is then to be a token.
"""
# pyright: basic, reportMissingImports=false
# vLLM is the host's: it is not in the environment that types are checked in.

from typing import Any

import torch
from vllm.tokenizers import cached_tokenizer_from_config
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessor
from vllm.v1.sample.logits_processor.builtin import process_dict_updates

from testbed.workload import TRUE_TOKENS


class TrueLength(LogitsProcessor):
    """Forbids the end of an answer, then forces it."""

    def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool) -> None:  # noqa: ARG002
        """Take what vLLM passes."""
        config = vllm_config.model_config.hf_config
        end = getattr(config, "eos_token_id", None)
        self._end: Any = end[0] if isinstance(end, list) else end
        self._model_config = vllm_config.model_config
        # Row of the batch to true length, last token, and the tokens so far, a list that vLLM
        # appends to.
        self._rows: dict[int, tuple[int, int, list[int]]] = {}

    def is_argmax_invariant(self) -> bool:
        """It changes the most probable token."""
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """Follow requests as they come, go and change places."""
        process_dict_updates(self._rows, batch_update, self._state_of)

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """Forbid or force the end, row by row."""
        if not self._rows:
            return logits
        rows = list(self._rows)
        ends = [end for _, end, _ in self._rows.values()]
        logits[rows, self._end] = -float("inf")
        logits[rows, ends] = -float("inf")
        last = [row for row, (length, _, made) in self._rows.items() if len(made) >= length - 1]
        if last:
            logits[last] = -float("inf")
            logits[last, [self._rows[row][1] for row in last]] = 0.0
        return logits

    def _state_of(
        self, params: Any, _prompt: list[int] | None, made: list[int]
    ) -> tuple[int, int, list[int]] | None:
        length = (params.extra_args or {}).get(TRUE_TOKENS)
        if length is None:
            return None
        return int(length), self._last_token(params.stop), made

    def _last_token(self, stop: list[str]) -> int:
        if not stop:
            return self._end
        return cached_tokenizer_from_config(self._model_config).convert_tokens_to_ids(stop[0])
