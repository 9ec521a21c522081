"""Encoders that learn from a trained one: some of its layers, or no network at all."""

from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from index_builder.distillation.static_module import (
    DIMENSION,
    PAIR_BITS,
    StaticModule,
    principal_axes,
    single_token_vectors,
)
from index_builder.training.base_model import BaseModel
from index_builder.training.network import EncoderModule
from index_builder.training.options import TrainOptions
from lengthwise.index.encoder.pooling_layer import PoolingLayer, put_together
from lengthwise.index.encoder.static_encoder import StaticConfig, StaticEncoder
from lengthwise.index.errors import EncoderError, InvalidInputError

STEPS_PER_PASS = 30
"""At least, so that a small history is not learnt from in a handful of steps."""

SMALLEST_BATCH = 32
"""Rows of a step that the teacher's training takes as well."""

STATIC = 0
"""Layers of a student without a network."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how fast a student learns.

    Args:
        taught_rows: Rows learnt from in all, over all passes: so the time that it takes is the
            same whether there are few prompts or many.
        max_epochs: Passes at most, however few the prompts are.
        batch_size: Rows that one step learns from; fewer where the rows are few.
        encoder_lr: Peak learning rate of the encoder.
        head_lr: Peak learning rate of the head.
        masking: Share of tokens hidden in each step, in [0, 0.9].
        space_weight: Of the distance to the teacher's vector beside what it says; see
            `TeacherLesson`.
    """

    taught_rows: int
    max_epochs: int
    batch_size: int
    encoder_lr: float
    head_lr: float
    masking: float
    space_weight: float

    def options(self, options: TrainOptions, rows: int) -> TrainOptions:
        """Those of the teacher's training, at this pace.

        Args:
            options: Of the teacher's training, whose other choices stay.
            rows: How many there are to learn from.
        """
        return replace(
            options,
            epochs=min(self.max_epochs, max(1, round(self.taught_rows / rows))),
            batch_size=min(self.batch_size, max(SMALLEST_BATCH, rows // STEPS_PER_PASS)),
            encoder_lr=self.encoder_lr,
            head_lr=self.head_lr,
            masking=self.masking,
        )


LAYERED_PACE = Pace(
    taught_rows=300_000,
    max_epochs=10,
    batch_size=128,
    encoder_lr=2e-4,
    head_lr=1e-3,
    masking=0.1,
    space_weight=0.5,
)
"""Of a student with layers: six passes over 50,000 prompts. Steps of 128 rows take half the time
of as many rows in steps of 32, and what they learn in it is no worse at twice the rate. With the
teacher's space at a quarter of what it counts for the static one, held-out rows were ordered better
by 0.0015 of tau-b, validation rows as well as before."""

STATIC_PACE = Pace(
    taught_rows=400_000,
    max_epochs=50,
    batch_size=256,
    encoder_lr=4e-3,
    head_lr=3e-3,
    masking=0.3,
    space_weight=2.0,
)
"""Of one without. What it looks up it soon knows by heart, so a third of the tokens is hidden and
its steps are smaller than one that goes through the whole table would like."""


class Student(Protocol):
    """An encoder that is to learn."""

    @property
    def encoder(self) -> nn.Module:
        """From token ids and mask to vectors, as `EncoderModule`; trained in place."""
        ...

    @property
    def dimension(self) -> int:
        """Numbers in a vector."""
        ...

    @property
    def to_teacher(self) -> nn.Module:
        """From its vector to the teacher's space; a part of `encoder`, so that it learns too."""
        ...

    def save(self, folder: Path) -> None:
        """Write as a folder that `load_encoder` takes."""
        ...


class LayeredStudent:
    """Some of a teacher's layers.

    Args:
        teacher: Is left as it is.
        layers: How many are kept, from the first to the last at even distances.
        pooling_layer: Whether the last of them computes one state for each prompt, see
            `PoolingLayer`; so it does if it does in the teacher.
        feed_forward: Width of the feed-forward part of those that compute a state of each token,
            see `narrow`; None leaves it as it is in the teacher.

    Raises:
        InvalidInputError: The teacher has no more than that.
        EncoderError: Its layers cannot be told apart.
    """

    def __init__(
        self,
        teacher: BaseModel,
        layers: int,
        *,
        pooling_layer: bool = False,
        feed_forward: int | None = None,
    ) -> None:
        held = layers_of(teacher)
        if not 1 <= layers < held:
            raise InvalidInputError(
                f"a student of {layers} layers cannot be made: expected fewer than the {held} of "
                "the encoder"
            )
        transformer: Any = deepcopy(teacher.model[0])
        bert, pooling = transformer.auto_model, deepcopy(teacher.pooling_layer)
        own = [*bert.encoder.layer, *([] if pooling is None else [pooling.layer])]
        kept = [own[i] for i in kept_layers(held, layers)]
        last = kept.pop() if pooling_layer or pooling is not None else None
        pools = deepcopy(teacher.model[1]) if last is None else PoolingLayer(last, bert.config)
        bert.encoder.layer = nn.ModuleList(kept)
        bert.config.num_hidden_layers = len(kept)
        if feed_forward is not None:
            narrow(bert, feed_forward)
        model = put_together(transformer, pools)
        self._model = BaseModel(model, teacher.tokenizer, "")
        # A student rather learns too little than by heart, and hidden tokens are against that, too.
        # So its word embeddings learn as well: what layers it lacks can be looked up in part.
        self.encoder = EncoderModule(
            bert, self._model.pooling_layer, train_words=True, dropout=False
        )
        self.to_teacher: nn.Module = nn.Identity()
        self.dimension = self._model.dimension

    def save(self, folder: Path) -> None:
        """Write as a sentence-transformers folder."""
        self._model.save(folder)


def layers_of(model: BaseModel) -> int:
    """How many layers an encoder has.

    Raises:
        EncoderError: They do not lie where BERT has them.
    """
    held = getattr(getattr(model.transformer, "encoder", None), "layer", None)
    if held is None:
        raise EncoderError(
            f"no student can be made of a {type(model.transformer).__name__}: expected layers in "
            "encoder.layer, as a BERT has them. Train without a smaller one"
        )
    return len(held) + (model.pooling_layer is not None)


def narrow(bert: Any, width: int) -> None:
    """Make the feed-forward part of each layer narrower; two thirds of a layer's work are there.

    What is kept is what matters most: by the product of the norms of the weights that lead into a
    unit and of those that lead out of it.

    Args:
        bert: Whose layers are changed in place.
        width: Units that are kept in each.

    Raises:
        InvalidInputError: They have no more than that.
    """
    require_narrower(bert, width)
    for layer in bert.encoder.layer:
        into, out = layer.intermediate.dense, layer.output.dense
        with torch.no_grad():
            weight = into.weight.norm(dim=1) * out.weight.norm(dim=0)
            kept = weight.argsort(descending=True)[:width].sort().values
            into.weight = nn.Parameter(into.weight[kept])
            into.bias = nn.Parameter(into.bias[kept])
            out.weight = nn.Parameter(out.weight[:, kept].contiguous())
        into.out_features = out.in_features = width
    bert.config.intermediate_size = width


def require_narrower(bert: Any, width: int) -> None:
    """Refuse a width that leaves a feed-forward part as it is, before hours are spent on it.

    Raises:
        InvalidInputError: The layers have no more units than that.
    """
    held = int(bert.config.intermediate_size)
    if width >= held:
        raise InvalidInputError(
            f"feed_forward is {width}: the encoder's layers have {held}, expected fewer"
        )


def size_name(layers: int) -> str:
    """A student in words."""
    return "a static encoder" if layers == STATIC else f"an encoder of {layers} layers"


def kept_layers(held: int, kept: int) -> list[int]:
    """Which layers a student takes over, first and last among them; the last if it has one."""
    return [held - 1] if kept == 1 else np.linspace(0, held - 1, kept).round().astype(int).tolist()


class StaticStudent:
    """No network: looked-up vectors that start from what the teacher says of single tokens.

    Args:
        teacher: Is left as it is.
        device: Where the teacher is asked.
    """

    def __init__(self, teacher: BaseModel, device: torch.device) -> None:
        self._tokenizer = teacher.tokenizer
        self._window = int(teacher.model.max_seq_length or 512)
        encoder = EncoderModule(teacher.transformer, teacher.pooling_layer, train_words=False)
        encoder = encoder.to(device).eval()
        first, last = teacher.tokenizer.encode("").ids
        tokens = int(teacher.transformer.config.vocab_size)
        vectors = single_token_vectors(encoder, tokens, (first, last))
        self.dimension = min(DIMENSION, teacher.dimension)
        mean, axes = principal_axes(vectors, self.dimension)
        self.encoder = StaticModule(torch.from_numpy((vectors - mean) @ axes.T), PAIR_BITS)
        back = nn.Linear(self.dimension, teacher.dimension)
        with torch.no_grad():
            back.weight.copy_(torch.from_numpy(axes.T))
            back.bias.copy_(torch.from_numpy(mean))
        self.encoder.add_module("to_teacher", back)
        self.to_teacher: nn.Module = back

    def save(self, folder: Path) -> None:
        """Write as a static encoder's folder, in half precision."""
        table = self.encoder.table().astype(np.float16)
        config = StaticConfig(len(self.encoder.tokens.weight), PAIR_BITS, self._window)
        StaticEncoder("student", self._tokenizer, table, config).save(folder)


def new_student(
    teacher: BaseModel,
    layers: int,
    device: torch.device,
    *,
    pooling_layer: bool = False,
    feed_forward: int | None = None,
) -> Student:
    """A student that has learnt nothing yet.

    Args:
        teacher: The trained encoder, which is left as it is.
        layers: How many it keeps; `STATIC` for none.
        device: Where the teacher is asked.
        pooling_layer: Whether the last of its layers computes one state for each prompt.
        feed_forward: Width of its layers' feed-forward parts; None: the teacher's.
    """
    if layers == STATIC:
        return StaticStudent(teacher, device)
    return LayeredStudent(teacher, layers, pooling_layer=pooling_layer, feed_forward=feed_forward)
