"""SSJF's proxy: a small encoder and a head on its first hidden state, fine-tuned on lengths."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers.utils import logging as transformers_logging

from index_builder.baselines.ssjf_objectives import OBJECTIVES, Objective
from index_builder.evaluation.metrics import PredictedLengths
from index_builder.evaluation.predictor import lengths_of
from index_builder.training.batches import padded, shuffled_batches, sorted_batches
from index_builder.training.optimiser import Optimiser
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.encoder import choose_device, cpu_has_bfloat16, locate_encoder
from lengthwise.index.errors import EncoderError
from lengthwise.index.length_scale import FloatArray
from lengthwise.index.record import HistoryRecord

HIDDEN = 128
"""Width of the head's layers."""

MAX_TOKENS = 128
"""Of a prompt, from its beginning: what the index's encoder learns from as well."""


class ProxyNetwork(nn.Module):
    """Encoder, then three layers on the hidden state of the first token ([CLS]).

    Which LLM answers comes in after the first layer, as one number per LLM. Word embeddings stay
    as they are.

    Args:
        base: The model whose encoder and tokenizer it starts from.
        llms: How many LLMs are told apart.
        outputs: How many numbers are given for each prompt.
    """

    def __init__(self, base: SentenceTransformer, *, llms: int, outputs: int) -> None:
        super().__init__()
        self.encoder: Any = base[0].auto_model
        self.head = _Head(int(self.encoder.config.hidden_size), llms, outputs)
        self._tokenizer = Tokenizer.from_str(base.tokenizer.backend_tokenizer.to_str())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._device = choose_device("auto")
        self.encoder.get_input_embeddings().requires_grad_(requires_grad=False)
        self.to(self._device)

    def tokenize(self, prompts: Sequence[str]) -> list[list[int]]:
        """Token ids with special tokens, at most MAX_TOKENS."""
        encoded = self._tokenizer.encode_batch_fast(prompts, add_special_tokens=True)
        return [encoding.ids for encoding in encoded]

    def forward(self, token_ids: Sequence[Sequence[int]], llms: Tensor) -> Tensor:
        """Numbers for some prompts, shape (rows, outputs), float32, on the CPU.

        Args:
            token_ids: Of each prompt, as `tokenize` gives them.
            llms: Shape (rows, LLMs): 1 for the LLM that answers.
        """
        ids, mask = (tensor.to(self._device) for tensor in padded(token_ids))
        half = self._device != "cpu" or cpu_has_bfloat16()
        with torch.autocast(self._device, torch.bfloat16, enabled=half):
            hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        given: Tensor = self.head(hidden[:, 0].float(), llms.to(self._device))
        return given.cpu()


class _Head(nn.Module):
    def __init__(self, width: int, llms: int, outputs: int) -> None:
        super().__init__()
        self._first = nn.Linear(width, HIDDEN)
        self._second = nn.Linear(HIDDEN + llms, HIDDEN)
        self._last = nn.Linear(HIDDEN, outputs)

    def forward(self, hidden: Tensor, llms: Tensor) -> Tensor:
        first = torch.cat([self._first(hidden).relu(), llms], dim=1)
        return self._last(self._second(first).relu())


def load_base(name: str) -> SentenceTransformer:
    """The model that a proxy starts from.

    Raises:
        EncoderError: It cannot be loaded.
    """
    transformers_logging.disable_progress_bar()
    try:
        return SentenceTransformer(
            locate_encoder(name), device="cpu", model_kwargs={"dtype": torch.float32}
        )
    except Exception as error:  # each library that reads a part of a model has errors of its own
        raise EncoderError(
            f"SSJF's proxy cannot start from {name!r}: expected the sentence-transformers model "
            f"that the index was built with; {error}"
        ) from error


ENCODER_LR, HEAD_LR, BATCH_ROWS = 6e-5, 1e-3, 32
"""Peak learning rates and rows of a batch as the index's own encoder is trained with
(`training.options`), so that what is compared is the methods."""

PREDICT_ROWS = 64
"""Rows in a batch where no gradients are kept."""


class SsjfBaseline:
    """SSJF's proxy model (Qiu et al. 2024, arXiv 2404.08509, section 3).

    As published: the hidden state of an encoder's first token, a small head, fine-tuned together;
    four objectives. Not as published: the encoder is the index's own sentence-transformers model
    (as it was before the index was trained) rather than BERT-base, so that what is compared is the
    method and not the size of the model; at most 128 tokens of a prompt are read; word embeddings
    stay as they are.

    Args:
        objective: "l1" or "mse" (regression of the token count), "5class" (classes cut at the
            percentiles 25, 50, 75 and 99, each standing for its median), "ordinal" (regression of
            the class's number).
        encoder: Name or folder of the model to start from.
        epochs: Times that each row is seen.
        seed: Of the head's first weights, of dropout and of the order of rows.
    """

    def __init__(self, objective: str, *, encoder: str, epochs: int = 3, seed: int = 0) -> None:
        self.name = f"ssjf-{objective}"
        self._make_objective = OBJECTIVES[objective]
        self._encoder = encoder
        self._epochs = epochs
        self._seed = seed
        self._llms: dict[str, int] = {}
        self._fitted: tuple[Objective, ProxyNetwork] | None = None

    def fit(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> None:  # noqa: ARG002
        """Learn; see `Baseline.fit`. Vectors are not looked at: it has an encoder of its own."""
        lengths = lengths_of(records)
        objective = self._make_objective(lengths)
        names = sorted({record.model for record in records} - {""})
        self._llms = {name: i for i, name in enumerate(names)}
        # The caller's random numbers stay what they would have been.
        with torch.random.fork_rng():
            torch.manual_seed(self._seed)
            network = ProxyNetwork(
                load_base(self._encoder), llms=len(names), outputs=objective.outputs
            )
            self._train(network, objective, records, objective.targets(lengths))
        self._fitted = objective, network.eval()

    def _train(
        self,
        network: ProxyNetwork,
        objective: Objective,
        records: Sequence[HistoryRecord],
        targets: Tensor,
    ) -> None:
        token_ids = network.tokenize([record.prompt for record in records])
        llms = self._one_hot(records)
        rng = np.random.default_rng(self._seed)
        steps = self._epochs * -(-len(records) // BATCH_ROWS)
        optimiser = Optimiser(
            network.encoder, network.head, encoder_lr=ENCODER_LR, head_lr=HEAD_LR, steps=steps
        )
        network.train()
        for _ in range(self._epochs):
            for rows in shuffled_batches(list(map(len, token_ids)), BATCH_ROWS, rng):
                given = network([token_ids[i] for i in rows], llms[rows])
                optimiser.step(objective.loss(given, targets[rows]))

    def predict(
        self,
        records: Sequence[HistoryRecord],
        vectors: FloatMatrix,  # noqa: ARG002  the contract's
    ) -> PredictedLengths:
        """Predict; see `LengthPredictor.predict`."""
        assert self._fitted is not None, "fit comes first"  # noqa: S101
        objective, network = self._fitted
        token_ids = network.tokenize([record.prompt for record in records])
        llms = self._one_hot(records)
        given: FloatArray = np.empty((len(records), objective.outputs))
        with torch.inference_mode():
            for rows in sorted_batches(list(map(len, token_ids)), PREDICT_ROWS):
                given[rows] = network([token_ids[i] for i in rows], llms[rows]).numpy()
        return PredictedLengths(objective.lengths(given))

    def _one_hot(self, records: Sequence[HistoryRecord]) -> Tensor:
        """Shape (rows, LLMs): 1 for the LLM that answers, if it is known."""
        codes = torch.tensor([self._llms.get(record.model, -1) for record in records])
        return (codes[:, None] == torch.arange(len(self._llms))).float()
