"""The training loop: passes, validation, early stopping, checkpoints."""

import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy.stats import kendalltau
from torch import Tensor

from index_builder.training.averaged import AveragedWeights
from index_builder.training.batches import masked, padded, shuffled_batches, sorted_batches
from index_builder.training.checkpoint import CheckpointFile
from index_builder.training.loss import length_loss
from index_builder.training.network import EncoderModule, HeadModule
from index_builder.training.optimiser import Optimiser
from index_builder.training.options import TrainOptions
from index_builder.training.progress import TrainingProgress
from index_builder.training.targets import Bins, LengthTargets
from index_builder.training.training_set import TrainingRows
from lengthwise.index.arrays import FloatMatrix, IntVector
from lengthwise.index.estimate.length_scale import FloatArray

PREDICTED_TOGETHER = 64
CHECKPOINT_STEPS = 500


@dataclass(frozen=True, slots=True)
class Subject:
    """What is trained, on what.

    Args:
        encoder: Changed in place.
        head: Changed in place.
        rows: Learnt from.
        places: Shape (len(rows),): each row's LLM.
        targets: Of the rows.
        validation: Predicted after every pass; may be empty.
        validation_places: Their LLMs.
        bins: Of the lengths.
        offsets: Shape (LLMs + 1,): usual length of each on the log scale.
        mask_id: The token that stands for a hidden one.
        forget_model: Share of rows whose LLM is hidden, so that an unknown one is learnt as well.
    """

    encoder: EncoderModule
    head: HeadModule
    rows: TrainingRows
    places: IntVector
    targets: LengthTargets
    validation: TrainingRows
    validation_places: IntVector
    bins: Bins
    offsets: FloatArray
    mask_id: int
    forget_model: float = 0.0


@dataclass(slots=True)
class Trained:
    """How a training went: validation tau-b after each pass, and which pass was kept."""

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
        subject: What is trained.
        options: How.
        epochs: Passes over the rows.
        device: Where.
        checkpoint: Where the training stands is written; it goes on from there.
        progress: Is told how far it is.
    """

    def __init__(
        self,
        subject: Subject,
        options: TrainOptions,
        *,
        epochs: int,
        device: torch.device,
        checkpoint: CheckpointFile,
        progress: TrainingProgress,
    ) -> None:
        self._subject = subject
        self._options = options
        self._epochs = epochs
        self._device = device
        self._checkpoint = checkpoint
        self._progress = progress
        subject.encoder.to(device)
        subject.head.to(device)
        self._steps_per_epoch = -(-len(subject.rows) // options.batch_size)
        self._optimiser = Optimiser(
            subject.encoder,
            subject.head,
            encoder_lr=options.encoder_lr,
            head_lr=options.head_lr,
            steps=self._steps_per_epoch * epochs,
        )
        self._averaged = AveragedWeights((subject.encoder, subject.head), options.averaging)
        self._best: list[Tensor] | None = None
        self._trained = Trained()
        self._scale = float(np.std(subject.targets.centre)) or 1.0
        self._middles = self._tensor(self._standardised(subject.bins.middles))

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
        batches = shuffled_batches(self._subject.rows.lengths, self._options.batch_size, rng)
        self._progress.epoch(epoch + 1, self._epochs, len(self._subject.rows))
        self._progress.rows(sum(map(len, batches[:done])))
        self._train_mode(on=True)
        losses: list[float] = []
        for step, batch in enumerate(batches[done:], done + 1):
            loss = self._loss(batch)
            self._optimiser.step(loss)
            self._averaged.follow()
            losses.append(loss.item())
            self._progress.rows(len(batch), loss=float(np.mean(losses[-50:])))
            if step % CHECKPOINT_STEPS == 0 and step < len(batches):
                self._save(epoch, step)
        self._trained.loss.append(float(np.mean(losses)) if losses else float("nan"))

    def _loss(self, batch: IntVector) -> Tensor:
        subject, targets = self._subject, self._subject.targets
        places = subject.places
        if subject.forget_model:
            hidden = torch.rand(len(batch)).numpy() < subject.forget_model
            places = places.copy()
            places[batch[hidden]] = 0
        ids, mask = padded([subject.rows.token_ids[i] for i in batch])
        ids = masked(ids, mask, share=self._options.masking, mask_id=subject.mask_id)
        logits = self._logits(ids, mask, subject.rows.features[batch], places[batch])
        return length_loss(
            logits,
            self._middles,
            self._tensor(self._standardised(targets.centre[batch])),
            self._tensor(targets.histogram[batch]),
            torch.from_numpy(targets.censored[batch]).to(self._device),
        )

    def _logits(
        self, ids: Tensor, mask: Tensor, features: FloatMatrix, places: IntVector
    ) -> Tensor:
        vectors = self._subject.encoder(ids.to(self._device), mask.to(self._device))
        return self._subject.head(
            vectors, self._tensor(features), torch.from_numpy(places).to(self._device)
        )

    @torch.no_grad()
    def predictions(self) -> FloatArray:
        """Expected length of each validation row, on the log scale."""
        subject = self._subject
        found = np.empty(len(subject.validation))
        self._train_mode(on=False)
        for batch in sorted_batches(subject.validation.lengths, PREDICTED_TOGETHER):
            ids, mask = padded([subject.validation.token_ids[i] for i in batch])
            features = subject.validation.features[batch]
            logits = self._logits(ids, mask, features, subject.validation_places[batch])
            p = logits.softmax(dim=1).double().cpu().numpy()
            found[batch] = p @ subject.bins.middles
        return found + subject.offsets[subject.validation_places]

    def _validate(self, epoch: int) -> None:
        """Predict with the averaged weights, and keep them if they are the best so far."""
        self._averaged.swap()
        truth = [r.output_tokens for r in self._subject.validation.records if not r.censored]
        ended = [not r.censored for r in self._subject.validation.records]
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
            "encoder": self._subject.encoder.state_dict(),
            "head": self._subject.head.state_dict(),
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
        self._subject.encoder.load_state_dict(state["encoder"])
        self._subject.head.load_state_dict(state["head"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._averaged.load_state_dict(state["averaged"])
        self._best = state["best"]
        torch.set_rng_state(state["rng"])
        self._trained = Trained(state["loss"], state["tau"], state["best_epoch"])
        return state["epoch"], state["step"]

    def _standardised(self, values: Any) -> Any:
        return (values - np.mean(self._subject.targets.centre)) / self._scale

    def _tensor(self, values: Any) -> Tensor:
        return torch.as_tensor(np.asarray(values, np.float32)).to(self._device)

    def _train_mode(self, *, on: bool) -> None:
        self._subject.encoder.train(on)
        self._subject.head.train(on)
