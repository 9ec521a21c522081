"""What an artifact's manifest says: encoder, training, rows, and a digest of every file."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.errors import ArtifactAlteredError, SchemaMismatchError
from lengthwise.index.search.plan import SearchPlan

SCHEMA_VERSION = 2
"""Of the artifact's layout; raised when a release can no longer read what earlier ones wrote."""

# Names of what predicts, in evaluations.
NOTHING_TRAINED = "retrieval"  # neighbours alone
TRAINED = "trained"  # a trained head and neighbours


@dataclass(frozen=True, slots=True)
class EncoderIdentity:
    """Which encoder an artifact was built with.

    Args:
        name: Its name or folder; of a trained one, for people only.
        content_hash: Of its weights, tokenizer and pooling.
        dimension: Numbers in a vector of it.
        trained: It was trained on the history and lies in the artifact itself.
    """

    name: str
    content_hash: str
    dimension: int
    trained: bool = False

    @classmethod
    def from_encoder(cls, encoder: Encoder) -> Self:
        """An encoder that is taken as it is."""
        return cls(encoder.name, encoder.content_hash, encoder.dimension)

    @classmethod
    def from_training(cls, base: str, encoder: "Encoder | EncoderIdentity") -> Self:
        """An encoder that was trained on the history, starting from `base`."""
        name = f"{base}, trained on this history"
        return cls(name, encoder.content_hash, encoder.dimension, trained=True)


@dataclass(frozen=True, slots=True)
class StudentFacts:
    """How a student of a trained encoder came to be.

    Args:
        layers: Layers of the trained encoder that it keeps; 0: none, it looks vectors up.
        unlabelled_rows: Prompts without a length that it learnt from besides the history's.
        epochs: Passes over all prompts, up to the one that ended the training.
        kendall_tau_b: Of the rows kept apart, with the weights that were kept; in [-1, 1].
        trained_kendall_tau_b: The same of the trained encoder.
        pooling_layer: Whether the last of its layers computes one state for each prompt.
        feed_forward: Width of the feed-forward part of those that compute a state of each token;
            None: as in the trained encoder.
    """

    layers: int
    unlabelled_rows: int
    epochs: int
    kendall_tau_b: float
    trained_kendall_tau_b: float
    pooling_layer: bool = False
    feed_forward: int | None = None


LATER_STUDENT_FACTS = ("pooling_layer", "feed_forward")
"""What a student was not told of before 29 November 2026, and is not where it says nothing."""


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """How the encoder of an artifact was trained.

    Args:
        base: Name or folder of the model it started from, or that of the index it went on from.
        rows: Rows of the history that it learnt from.
        validation_rows: Rows of the history that were kept apart from that.
        first_rows: Rows of other LLMs' histories learnt from before.
        epochs: Passes over the rows, up to the one that ended the training.
        best_epoch: The pass whose weights were kept, from 1.
        validation_kendall_tau_b: Of the rows kept apart, after each pass; in [-1, 1].
        validation_share: Share of the history's rows that was kept apart, in (0, 1).
        seed: Of everything that chance decided.
        went_on_from: Folder of the index, whole, whose encoder and head it went on from; "" if it
            started from `base` itself.
        student: How the encoder learnt from the trained one, if it is a smaller one; None if it is
            the trained one itself.
    """

    base: str
    rows: int
    validation_rows: int
    first_rows: int
    epochs: int
    best_epoch: int
    validation_kendall_tau_b: tuple[float, ...]
    validation_share: float
    seed: int
    went_on_from: str = ""
    student: StudentFacts | None = None

    @property
    def start(self) -> str:
        """What a training must be given to start where this one did."""
        return self.went_on_from or self.base

    @property
    def best_kendall_tau_b(self) -> float:
        """Of the rows kept apart, after the pass whose weights were kept."""
        return self.validation_kendall_tau_b[self.best_epoch - 1]

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """From JSON; what artifacts did not say before is left at its default."""
        content = dict(data)
        content["validation_kendall_tau_b"] = tuple(content["validation_kendall_tau_b"])
        if content.get("student") is not None:
            content["student"] = StudentFacts(**content["student"])
        return cls(**content)


@dataclass(frozen=True, slots=True)
class HistoryFacts:
    """How far an artifact has followed a history of completions.

    Args:
        last_sequence: The last row of the history that was looked at; the next rebuild goes on
            after it.
        trained_until_unix_s: Rows reported later than this were not learnt from by the encoder.
    """

    last_sequence: int
    trained_until_unix_s: float


@dataclass(frozen=True, slots=True)
class FirstTierFacts:
    """What the first tier of an artifact answers, and at what loss.

    Args:
        encoder: Its own, which lies in the artifact beside that of the index.
        allowed_loss: How much lower Kendall's tau-b may be than without a first tier.
        loss: How much lower it was on held-out rows; below 0 it was higher.
        loss_error: Standard error of `loss`, as other rows of their number would show.
        share: Share of the held-out rows that it answers, in (0, 1].
        held_out_rows: Rows never trained on that this was chosen by.
    """

    encoder: EncoderIdentity
    allowed_loss: float
    loss: float
    loss_error: float
    share: float
    held_out_rows: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an artifact says of itself.

    Args:
        version: Name of this version in its store.
        encoder: The encoder that made the vectors.
        rows: Past prompts held, each with a vector.
        skipped_rows: Rows of the history left out because they could not be used.
        data_fingerprint: Hash of what was read.
        search: How vectors are searched: exactly, or by cells.
        quantile_levels: The levels given in every answer.
        keeps_text: False if prompts were left out.
        created_unix_s: Unix time of the build, in seconds.
        created_by: Name and version of the package that wrote it.
        files: Name to size in bytes and SHA-256 of every other file.
        training: How the encoder was trained; None if it was taken as it is.
        history: How far it follows a history of completions; None if it was built from files.
        first_tier: What answers before the encoder; None where nothing does.
        follows: The version that was current when a rebuild made this one, where that is not the
            one before it by name, as after a rollback; None where it is, or where it was built.
        metric: How vectors are compared; "cosine" is all there is.
        schema_version: Version of this layout, see `SCHEMA_VERSION`.
    """

    version: str
    encoder: EncoderIdentity
    rows: int
    skipped_rows: int
    data_fingerprint: str
    search: SearchPlan
    quantile_levels: tuple[float, ...]
    keeps_text: bool
    created_unix_s: float
    created_by: str
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    training: TrainingFacts | None = None
    history: HistoryFacts | None = None
    first_tier: FirstTierFacts | None = None
    follows: str | None = None
    metric: str = "cosine"
    schema_version: int = SCHEMA_VERSION

    @property
    def predictor_name(self) -> str:
        """What its predictions come from, in evaluations."""
        return NOTHING_TRAINED if self.training is None else TRAINED

    def to_json(self) -> str:
        """As the manifest file holds it."""
        content = asdict(self)
        if self.first_tier is None:  # so that releases from before there were any read it
            del content["first_tier"]
        if self.follows is None:  # for the same reason
            del content["follows"]
        if self.training is not None and self.training.student is not None:
            student = content["training"]["student"]
            for name in LATER_STUDENT_FACTS:  # for the same reason
                if not student[name]:
                    del student[name]
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, path: Path) -> "Manifest":
        """Read a manifest.

        Raises:
            ArtifactAlteredError: It is not one.
            SchemaMismatchError: Another version of Lengthwise wrote it.
        """
        try:
            data: dict[str, Any] = json.loads(text)
            schema = data["schema_version"]
        except (ValueError, KeyError, TypeError) as error:
            raise ArtifactAlteredError(f"{path} is not a manifest: {error}") from error
        if schema != SCHEMA_VERSION:
            raise SchemaMismatchError(
                f"{path} has schema version {schema}; this Lengthwise reads version "
                f"{SCHEMA_VERSION}. Build the index again with: python -m index_builder build"
            )
        try:
            data["encoder"] = EncoderIdentity(**data["encoder"])
            data["search"] = SearchPlan(**data["search"])
            data["quantile_levels"] = tuple(data["quantile_levels"])
            if data["training"] is not None:
                data["training"] = TrainingFacts.from_dict(data["training"])
            if data.get("history") is not None:
                data["history"] = HistoryFacts(**data["history"])
            if data.get("first_tier") is not None:
                identity = EncoderIdentity(**data["first_tier"].pop("encoder"))
                data["first_tier"] = FirstTierFacts(encoder=identity, **data["first_tier"])
            data["files"] = {n: {**facts} for n, facts in data["files"].items()}
            return cls(**data)
        except (KeyError, TypeError, AttributeError) as error:
            raise ArtifactAlteredError(f"{path} is not a manifest: {error}") from error
