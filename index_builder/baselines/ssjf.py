"""SSJF's proxy: a small encoder fine-tuned on lengths."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from index_builder.baselines.ssjf_network import ProxyNetwork, load_base
from index_builder.baselines.ssjf_objectives import OBJECTIVES, Objective
from index_builder.evaluation.metrics import PredictedLengths
from index_builder.evaluation.predictor import lengths_of
from index_builder.training.batches import shuffled_batches, sorted_batches
from index_builder.training.optimiser import Optimiser
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.length_scale import FloatArray
from lengthwise.index.record import HistoryRecord

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
