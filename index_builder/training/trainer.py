"""The training loop: passes, validation, early stopping, checkpoints to go on from."""

import os
import pickle
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import kendalltau
from torch import Tensor

from index_builder.training.batches import masked, padded, shuffled_batches, sorted_batches
from index_builder.training.optimiser import AveragedWeights, Optimiser
from index_builder.training.options import TrainOptions
from index_builder.training.progress import TrainingProgress
from index_builder.training.training_set import TrainingInputs
from lengthwise.index.arrays import FloatMatrix, IntVector
from lengthwise.index.length_scale import FloatArray

CHECKPOINT_FILE = "checkpoint.pt"
"""As PyTorch saves it."""


class CheckpointFile:
    """One file, replaced whole.

    Args:
        folder: Its folder; made when first written.
        key: What is trained: a checkpoint of something else is not used.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._path = folder / CHECKPOINT_FILE
        self._key = key

    def save(self, state: dict[str, Any]) -> None:
        """Write; a crash leaves the one before.

        Raises:
            OSError: It cannot be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_suffix(".part")
        with part.open("wb") as file:
            torch.save({"key": self._key, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)

    def load(self) -> dict[str, Any] | None:
        """What was last written for this training; None if nothing usable was."""
        try:
            state = torch.load(self._path, weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError):
            return None
        return state if state.get("key") == self._key else None


PREDICTED_TOGETHER = 64
"""Validation rows in a batch: twice as many as are learnt from, since no gradients are kept."""

CHECKPOINT_STEPS = 500
"""Between two checkpoints within a pass: of 32 rows each, some three minutes on two CPU cores."""

RECENT_STEPS = 50
"""Steps whose mean loss is told: single ones jump about."""


@dataclass(slots=True)
class Trained:
    """How a training went.

    Args:
        loss: Mean loss of each pass.
        kendall_tau_b: Of the validation rows after each pass; NaN where there are too few.
        best_epoch: The pass whose weights were kept, from 0; -1 before the first has ended.
    """

    loss: list[float] = field(default_factory=list[float])
    kendall_tau_b: list[float] = field(default_factory=list[float])
    best_epoch: int = -1


def seed_everything(seed: int) -> None:
    """Make what chance decides repeatable."""
    random.seed(seed)
    torch.manual_seed(seed)


class Trainer:
    """Trains in place.

    Args:
        inputs: What is trained, on which rows.
        options: Rates, masking, patience and the rest.
        epochs: Passes over the rows at most.
        device: Where the network is trained; it is moved there.
        checkpoint: Where the training stands is written; it goes on from there.
        progress: Is told how far it is.
    """

    def __init__(
        self,
        inputs: TrainingInputs,
        options: TrainOptions,
        *,
        epochs: int,
        device: torch.device,
        checkpoint: CheckpointFile,
        progress: TrainingProgress,
    ) -> None:
        self._inputs = inputs
        self._options = options
        self._epochs = epochs
        self._device = device
        self._checkpoint = checkpoint
        self._progress = progress
        inputs.encoder.to(device)
        inputs.head.to(device)
        self._steps_per_epoch = -(-len(inputs.rows) // options.batch_size)
        self._optimiser = Optimiser(
            inputs.encoder,
            inputs.head,
            encoder_lr=options.encoder_lr,
            head_lr=options.head_lr,
            steps=self._steps_per_epoch * epochs,
        )
        self._averaged = AveragedWeights((inputs.encoder, inputs.head), options.averaging)
        self._best: list[Tensor] | None = None
        self._trained = Trained()

    def run(self) -> Trained:
        """Train; the modules then hold the best weights.

        Raises:
            OSError: A checkpoint cannot be written.
        """
        epoch, step = self._resume()
        while epoch < self._epochs and not self._stagnates():
            self._pass(epoch, step)
            self._validate(epoch)
            epoch, step = epoch + 1, 0
            self._save(epoch, step)
        self._adopt_best()
        return self._trained

    def _pass(self, epoch: int, done: int) -> None:
        """One pass over the rows, from a step on."""
        rng = np.random.default_rng([self._options.seed, epoch])
        batches = shuffled_batches(self._inputs.rows.lengths, self._options.batch_size, rng)
        self._progress.epoch(epoch + 1, self._epochs, len(self._inputs.rows))
        self._progress.rows(sum(map(len, batches[:done])))
        self._train_mode(on=True)
        losses: list[float] = []
        for step, batch in enumerate(batches[done:], done + 1):
            loss = self._loss(batch)
            self._optimiser.step(loss)
            self._averaged.follow()
            losses.append(loss.item())
            self._progress.rows(len(batch), loss=float(np.mean(losses[-RECENT_STEPS:])))
            if step % CHECKPOINT_STEPS == 0 and step < len(batches):
                self._save(epoch, step)
        self._trained.loss.append(float(np.mean(losses)) if losses else float("nan"))

    def _loss(self, batch: IntVector) -> Tensor:
        inputs = self._inputs
        places = inputs.rows.places[batch]
        if inputs.forget_model:
            places = np.where(torch.rand(len(batch)).numpy() < inputs.forget_model, 0, places)
        ids, mask = padded([inputs.rows.token_ids[i] for i in batch])
        ids = masked(ids, mask, share=self._options.masking, mask_id=inputs.mask_id)
        vectors, logits = self._forward(ids, mask, inputs.rows.features[batch], places)
        return inputs.lesson.loss(batch, vectors, logits)

    def _forward(
        self, ids: Tensor, mask: Tensor, features: FloatMatrix, places: IntVector
    ) -> tuple[Tensor, Tensor]:
        """Vectors of prompts, and the logits of their lengths."""
        vectors = self._inputs.encoder(ids.to(self._device), mask.to(self._device))
        shown = torch.from_numpy(features).to(self._device)
        return vectors, self._inputs.head(vectors, shown, torch.from_numpy(places).to(self._device))

    @torch.no_grad()
    def predictions(self) -> FloatArray:
        """Expected length of each validation row, on the log scale."""
        inputs = self._inputs
        found = np.empty(len(inputs.validation))
        self._train_mode(on=False)
        for batch in sorted_batches(inputs.validation.lengths, PREDICTED_TOGETHER):
            ids, mask = padded([inputs.validation.token_ids[i] for i in batch])
            features, places = inputs.validation.features[batch], inputs.validation.places[batch]
            _, logits = self._forward(ids, mask, features, places)
            p = logits.softmax(dim=1).double().cpu().numpy()
            found[batch] = p @ inputs.bins.middles
        return found + inputs.offsets[inputs.validation.places]

    def _validate(self, epoch: int) -> None:
        """Predict with the averaged weights, and keep them if they are the best so far."""
        self._averaged.swap()
        records = self._inputs.validation_records
        truth = [r.output_tokens for r in records if not r.censored]
        ended = [not r.censored for r in records]
        tau = float("nan")
        if len(truth) > 1:
            found: Any = kendalltau(self.predictions()[ended], truth)
            tau = float(found.statistic)
        self._averaged.swap()
        best = self._trained.best_epoch
        if best < 0 or not tau <= self._trained.kendall_tau_b[best]:
            self._trained.best_epoch = epoch
            self._best = [value.clone() for value in self._averaged.values]
        self._trained.kendall_tau_b.append(tau)
        self._progress.validated(tau)

    def _stagnates(self) -> bool:
        taus = self._trained.kendall_tau_b
        return len(taus) - 1 - self._trained.best_epoch >= self._options.patience > 0 < len(taus)

    def _adopt_best(self) -> None:
        if self._best is not None:
            for value, best in zip(self._averaged.values, self._best, strict=True):
                value.copy_(best)
        self._averaged.swap()
        self._train_mode(on=False)

    def _save(self, epoch: int, step: int) -> None:
        state: dict[str, Any] = {
            "epoch": epoch,
            "step": step,
            "encoder": self._inputs.encoder.state_dict(),
            "head": self._inputs.head.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "averaged": self._averaged.state_dict(),
            "best": self._best,
            "rng": torch.get_rng_state(),
            "loss": self._trained.loss,
            "tau": self._trained.kendall_tau_b,
            "best_epoch": self._trained.best_epoch,
        }
        self._checkpoint.save(state)

    def _resume(self) -> tuple[int, int]:
        """Take up a checkpoint; gives the pass and the step to go on with."""
        state = self._checkpoint.load()
        if state is None:
            return 0, 0
        self._inputs.encoder.load_state_dict(state["encoder"])
        self._inputs.head.load_state_dict(state["head"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._averaged.load_state_dict(state["averaged"])
        self._best = state["best"]
        torch.set_rng_state(state["rng"])
        self._trained = Trained(state["loss"], state["tau"], state["best_epoch"])
        return state["epoch"], state["step"]

    def _train_mode(self, *, on: bool) -> None:
        self._inputs.encoder.train(on)
        self._inputs.head.train(on)
