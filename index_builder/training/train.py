"""From a history to a trained encoder and head, in a folder.

It starts from a model, or from the encoder and head of an index trained before.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from index_builder.training.base_model import BaseModel
from index_builder.training.head_weights import FeatureScale, head_module, length_head
from index_builder.training.lessons import LengthLesson
from index_builder.training.network import EncoderModule, HeadModule
from index_builder.training.options import TrainOptions
from index_builder.training.progress import SilentTraining, TrainingProgress
from index_builder.training.targets import Bins, LengthTargets, draws_of
from index_builder.training.trainer import CheckpointFile, Trained, Trainer, seed_everything
from index_builder.training.training_set import (
    LlmOffsets,
    TrainingInputs,
    TrainingRows,
    split_records,
)
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.estimate.head import LengthHead, prompt_features
from lengthwise.index.record import HistoryRecord
from lengthwise.index.store.folder_store import FolderStore, resolve_artifact
from lengthwise.index.store.layout import ENCODER_FOLDER, HEAD_FILE, ArtifactLayout, read_manifest
from lengthwise.index.store.manifest import TrainingFacts


@dataclass(frozen=True, slots=True)
class Start:
    """A model to be trained on, and the head that was trained with it.

    Args:
        model: An encoder in float32 on the CPU, whose weights the training changes in place.
        base: Name or folder of the model that it goes back to, untrained.
        head: Whose layers the new head starts from; None if the model was never trained here.
        index: Folder of the index that both come from, whole; "" if they come from none.
    """

    model: BaseModel
    base: str
    head: LengthHead | None = None
    index: str = ""

    @classmethod
    def from_name(cls, name: str) -> "Start":
        """From a sentence-transformers model by name or folder, or from an index by its folder.

        Raises:
            EncoderError: The model cannot be loaded, or not be trained.
            InvalidInputError: The index holds nothing that can be trained on.
            ArtifactError: The index cannot be read.
        """
        folder = Path(name)
        if not ArtifactLayout(folder).exists() and FolderStore(folder).current() is None:
            return cls(BaseModel.load(name), name)
        layout = ArtifactLayout(resolve_artifact(folder))
        facts = read_manifest(layout).training
        if facts is None or (facts.student is not None and not facts.student.layers):
            why = "was not trained" if facts is None else "holds a static encoder"
            raise InvalidInputError(
                f"{name} {why}: expected an index with a trained encoder to start from, or the "
                "name or folder of a model"
            )
        return cls(
            BaseModel.load(str(layout.encoder)),
            facts.base,
            LengthHead.load(layout.head),
            str(folder.resolve()),
        )


MIN_ROWS = 100
"""With fewer rows to learn from a training only learns them by heart."""

UNKNOWN_SHARE = 0.1
"""Of rows whose LLM is hidden, so that lengths of an unknown one are learnt as well."""


def train(
    history: Iterable[HistoryRecord],
    base: str,
    out: Path,
    options: TrainOptions | None = None,
    *,
    learn_first: Iterable[HistoryRecord] = (),
    device: str = "cpu",
    checkpoints: Path,
    progress: TrainingProgress | None = None,
) -> TrainingFacts:
    """Fine-tune an encoder and a head on a history's lengths.

    Args:
        history: Rows to learn from; those that `split.is_validation` takes are only validated with.
        base: Name or folder of the sentence-transformers model to start from, or folder of an index
            that was trained before: its encoder and the layers of its head are trained on.
        out: Folder that gets the trained encoder and head.
        options: Rates, passes, sizes; the defaults if None.
        learn_first: Other LLMs' histories, learnt from before: what makes an answer long is much
            the same for all, so a small history profits from a large one of another LLM.
        device: Where it is trained: "cpu" or "cuda".
        checkpoints: Folder that says where a killed training goes on; left as it was found.
        progress: Is told how far it is.

    Raises:
        InvalidInputError: The history is too small, or the index to start from was not trained.
        EncoderError: The base model cannot be trained.
        OSError: A folder cannot be written.
    """
    options, progress = options or TrainOptions(), progress or SilentTraining()
    progress.stage("Training")
    seed_everything(options.seed)
    start = Start.from_name(base)
    model = start.model
    learnt, validation = split_records(history, options.validation_share, options.seed)
    learnt = sampled(learnt, options)
    if len(learnt) < MIN_ROWS:
        raise InvalidInputError(
            f"the history has {len(learnt)} rows to train on: expected at least {MIN_ROWS}. "
            "Build without training"
        )
    first = sampled(list(learn_first), options)
    key = _key(learnt, first, model.content_hash, options)
    standing = checkpoints / key[:16]
    encoder = EncoderModule(
        model.transformer,
        model.pooling_layer,
        train_words=options.train_words,
        dropout=options.dropout,
    )
    scale = (
        FeatureScale.from_features(prompt_features([r.prompt for r in learnt]))
        if start.head is None
        else FeatureScale.from_head(start.head)
    )
    job = _Job(model, encoder, scale, options, torch.device(device), progress)
    head = None if start.head is None else head_module(start.head, model.dimension)
    if first and options.first_epochs:
        head = job.run(
            first, [], head, options.first_epochs, CheckpointFile(standing / "first", key)
        ).head
    done = job.run(learnt, validation, head, options.epochs, CheckpointFile(standing, key))
    model.save(out / ENCODER_FOLDER)
    length_head(done.head, done.offsets, done.bins, scale).save(out / HEAD_FILE)
    shutil.rmtree(standing, ignore_errors=True)
    return TrainingFacts(
        base=start.base,
        rows=len(learnt),
        validation_rows=len(validation),
        first_rows=len(first),
        epochs=len(done.trained.kendall_tau_b),
        best_epoch=done.trained.best_epoch + 1,
        validation_kendall_tau_b=tuple(done.trained.kendall_tau_b),
        validation_share=options.validation_share,
        seed=options.seed,
        went_on_from=start.index,
    )


@dataclass(frozen=True, slots=True)
class _Done:
    head: HeadModule
    trained: Trained
    bins: Bins
    offsets: LlmOffsets


@dataclass(frozen=True, slots=True)
class _Job:
    """What both trainings, on other LLMs' histories and on this one, share."""

    model: BaseModel
    encoder: EncoderModule
    scale: FeatureScale
    options: TrainOptions
    device: torch.device
    progress: TrainingProgress

    def run(
        self,
        learnt: list[HistoryRecord],
        validation: list[HistoryRecord],
        before: HeadModule | None,
        epochs: int,
        checkpoint: CheckpointFile,
    ) -> _Done:
        """Train on some records, from the layers of an earlier head if there is one."""
        offsets = LlmOffsets.from_records(learnt)
        usual = offsets.values[offsets.places(learnt)]
        shifted = [draws_of(r) - u for r, u in zip(learnt, usual, strict=True)]
        bins = Bins.fit(np.concatenate(shifted), self.options.bins)
        rows, held_out = self._rows(learnt, offsets), self._rows(validation, offsets)
        head = HeadModule(
            self.model.dimension, rows.features.shape[1], len(offsets.values), len(bins)
        )
        if before is not None:
            head.vector.load_state_dict(before.vector.state_dict())
            head.feature.load_state_dict(before.feature.state_dict())
        inputs = TrainingInputs(
            encoder=self.encoder,
            head=head,
            rows=rows,
            lesson=LengthLesson(LengthTargets.from_records(learnt, usual, bins), bins),
            validation=held_out,
            validation_records=validation,
            bins=bins,
            offsets=offsets.values,
            mask_id=self.model.mask_id,
            forget_model=UNKNOWN_SHARE if len(offsets.models) > 1 else 0.0,
        )
        trainer = Trainer(
            inputs,
            self.options,
            epochs=epochs,
            device=self.device,
            checkpoint=checkpoint,
            progress=self.progress,
        )
        return _Done(head, trainer.run(), bins, offsets)

    def _rows(self, records: list[HistoryRecord], offsets: LlmOffsets) -> TrainingRows:
        prompts = [r.prompt for r in records]
        token_ids = self.model.tokenize(prompts, self.options.max_tokens_learnt)
        features = self.scale.apply(prompt_features(prompts))
        return TrainingRows(tuple(token_ids), features, offsets.places(records))


def sampled(records: list[HistoryRecord], options: TrainOptions) -> list[HistoryRecord]:
    """Those that are learnt from: all, or as many as the options allow, drawn by the seed."""
    if len(records) <= options.max_rows:
        return records
    rng = np.random.default_rng(options.seed)
    chosen = np.sort(rng.choice(len(records), options.max_rows, replace=False))
    return [records[i] for i in chosen]


def _key(
    learnt: Sequence[HistoryRecord],
    first: Sequence[HistoryRecord],
    base_hash: str,
    options: TrainOptions,
) -> str:
    """Names a training: a checkpoint of another one must not be taken up."""
    digest = hashlib.sha256(f"{base_hash} {json.dumps(asdict(options))}\n".encode())
    for records in (learnt, first):
        digest.update(f"{len(records)}\n".encode())
        for r in records:
            line = f"{r.output_tokens} {r.samples} {r.finish_reason} {r.model} {r.prompt}\n"
            digest.update(line.encode(errors="surrogatepass"))
    return digest.hexdigest()
