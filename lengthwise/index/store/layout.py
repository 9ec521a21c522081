"""The files of an artifact folder, and what its manifest says."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from lengthwise.index.errors import (
    ArtifactAlteredError,
    ArtifactError,
    ArtifactIncompleteError,
    SchemaMismatchError,
)
from lengthwise.index.search.vectors import SearchPlan


def sha256_of(path: Path) -> str:
    """Hex digest of a file's content, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


SCHEMA_VERSION = 2

NOTHING_TRAINED = "retrieval"
TRAINED = "trained"
"""Names of what predicts, in evaluations: neighbours alone, or a trained head and neighbours."""

ENCODER_FOLDER = "encoder"
HEAD_FILE = "head.npz"


@dataclass(frozen=True, slots=True)
class ArtifactLayout:
    """Where things lie in an artifact folder.

    What CONTENT names is always there; a trained encoder and its head only after a training.

    Args:
        root: The folder.
    """

    root: Path

    CONTENT: ClassVar[tuple[str, ...]] = (
        "vectors.faiss",
        "rows.parquet",
        "calibration.json",
        "evaluation.json",
    )

    @property
    def manifest(self) -> Path:
        """What the artifact is; written last."""
        return self.root / "manifest.json"

    @property
    def vectors(self) -> Path:
        """FAISS index of the prompts' vectors."""
        return self.root / "vectors.faiss"

    @property
    def rows(self) -> Path:
        """Lengths, LLMs, ids and (unless left out) prompts, row i belonging to vector i."""
        return self.root / "rows.parquet"

    @property
    def calibration(self) -> Path:
        """Weights of the estimator and corrections of its probabilities."""
        return self.root / "calibration.json"

    @property
    def evaluation(self) -> Path:
        """How well it predicted rows it was not made from, at the build."""
        return self.root / "evaluation.json"

    @property
    def encoder(self) -> Path:
        """Folder of the trained encoder, as sentence-transformers reads it."""
        return self.root / ENCODER_FOLDER

    @property
    def head(self) -> Path:
        """The trained head."""
        return self.root / HEAD_FILE

    def files(self) -> list[str]:
        """Names of all files but the manifest, relative to the folder."""
        found = (p for p in self.root.rglob("*") if p.is_file() and p != self.manifest)
        return sorted(p.relative_to(self.root).as_posix() for p in found)

    def exists(self) -> bool:
        """True if the folder says that it is an artifact."""
        return self.manifest.is_file()


@dataclass(frozen=True, slots=True)
class EncoderIdentity:
    """Which encoder an artifact was built with.

    Args:
        name: Its name or folder; of a trained one, for people only.
        content_hash: Of its weights, tokenizer and pooling.
        dimension: Length of a vector.
        trained: It was trained on the history and lies in the artifact itself.
    """

    name: str
    content_hash: str
    dimension: int
    trained: bool = False


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """How the encoder of an artifact was trained.

    Args:
        base: Name or folder of the model it started from.
        rows: Rows learnt from.
        validation_rows: Rows kept apart.
        first_rows: Rows of other LLMs' histories learnt from before.
        epochs: Passes over the rows.
        best_epoch: The pass whose weights were kept, from 1.
        validation_kendall_tau_b: After each pass.
        validation_share: Of the rows that were kept apart.
        seed: Of everything that chance decided.
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
class Manifest:
    """What an artifact says of itself.

    Args:
        version: Name of this version in its store.
        encoder: The encoder that made the vectors.
        rows: Past prompts held.
        skipped_rows: Rows of the history left out because they could not be used.
        data_fingerprint: Hash of what was read.
        search: How vectors are searched.
        quantile_levels: The levels given in every answer.
        keeps_text: False if prompts were left out.
        created_unix_s: Unix time of the build, in seconds.
        created_by: Version of Lengthwise.
        files: Name to size in bytes and SHA-256 of every other file.
        training: How the encoder was trained; None if it was taken as it is.
        history: How far it follows a history of completions; None if it was built from files.
        metric: How vectors are compared.
        schema_version: Of this layout.
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
    metric: str = "cosine"
    schema_version: int = SCHEMA_VERSION

    @property
    def predictor_name(self) -> str:
        """What its predictions come from, in evaluations."""
        return NOTHING_TRAINED if self.training is None else TRAINED

    def to_json(self) -> str:
        """As the manifest file holds it."""
        return json.dumps(asdict(self), indent=2) + "\n"

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
                taus = tuple(data["training"].pop("validation_kendall_tau_b"))
                data["training"] = TrainingFacts(validation_kendall_tau_b=taus, **data["training"])
            if data.get("history") is not None:
                data["history"] = HistoryFacts(**data["history"])
            data["files"] = {n: {**facts} for n, facts in data["files"].items()}
            return cls(**data)
        except (KeyError, TypeError, AttributeError) as error:
            raise ArtifactAlteredError(f"{path} is not a manifest: {error}") from error


def describe_files(layout: ArtifactLayout) -> dict[str, dict[str, Any]]:
    """Size in bytes and SHA-256 of every file but the manifest."""
    return {
        name: {
            "bytes": (layout.root / name).stat().st_size,
            "sha256": sha256_of(layout.root / name),
        }
        for name in layout.files()
    }


def read_manifest(layout: ArtifactLayout) -> Manifest:
    """Read the manifest.

    Raises:
        ArtifactError: The folder is not an artifact, or the manifest is unreadable.
    """
    if not layout.root.is_dir():
        raise ArtifactError(f"{layout.root} is not a folder: expected an index artifact or store")
    if not layout.exists():
        raise ArtifactIncompleteError(
            f"{layout.root} holds no manifest.json: expected an artifact written by "
            f"python -m index_builder build --out {layout.root}"
        )
    return Manifest.from_json(layout.manifest.read_bytes(), layout.manifest)


def check_files(layout: ArtifactLayout, manifest: Manifest) -> None:
    """Hold every file against the manifest.

    Raises:
        ArtifactIncompleteError: A file is missing.
        ArtifactAlteredError: A file has another size or content.
    """
    needed = [*layout.CONTENT, *sorted({*manifest.files} - {*layout.CONTENT})]
    for name in needed:
        path, expected = layout.root / name, manifest.files.get(name)
        if expected is None or not path.is_file():
            raise ArtifactIncompleteError(
                f"{path} is missing: the artifact needs {', '.join(needed)}. Restore the "
                "file or build the index again"
            )
        size = path.stat().st_size
        if size != expected.get("bytes"):
            raise ArtifactAlteredError(
                f"{path} has {size:,} bytes, the manifest says {expected.get('bytes')}: it was "
                "altered or cut off. Restore the file or build the index again"
            )
        if sha256_of(path) != expected.get("sha256"):
            raise ArtifactAlteredError(
                f"{path} is not the file that the manifest describes (its SHA-256 differs): it was "
                "altered. Restore the file or build the index again"
            )


def sync_folder(root: Path) -> None:
    """Flush every file and folder in a folder, and itself, to the disk."""
    for path in [*root.rglob("*"), root]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
