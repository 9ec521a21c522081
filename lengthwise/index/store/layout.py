"""The files of an artifact folder, and how they are held against its manifest."""

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from lengthwise.index.errors import (
    ArtifactAlteredError,
    ArtifactError,
    ArtifactIncompleteError,
    StoreError,
)
from lengthwise.index.store.checked import (
    CHECKED_FILE,
    remember_checked,
    states_of,
    was_checked,
)
from lengthwise.index.store.manifest import Manifest

# Names in an artifact's folder.
MANIFEST_FILE = "manifest.json"  # size and SHA-256 of every other file, and what it was built from
ENCODER_FOLDER = "encoder"  # there only after a training
HEAD_FILE = "head.npz"  # as above
REPEATS_FILE = "repeats.bin"  # there only where rows of the history are not in the index
OWN_CELLS_FILE = "own_cells.bin"  # there only where several LLMs share an index of many rows
FIRST_TIER_FOLDER = "first_tier"  # there only where a first tier keeps the loss that was allowed


@dataclass(frozen=True, slots=True)
class ArtifactLayout:
    """Where things lie in an artifact folder.

    What CONTENT names is always there. A trained encoder and its head are there only after a
    training, a first tier only where one was trained as well, repeats only where the history has
    rows that the index does not hold, own cells only where LLMs that share the index need them:
    artifacts from before they were stored have none, and they are made at each start.

    Args:
        root: The artifact's own folder, as a rule versions/VERSION of a store.
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
        return self.root / MANIFEST_FILE

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
    def repeats(self) -> Path:
        """Lengths of prompts asked before, of rows that are not in `rows`."""
        return self.root / REPEATS_FILE

    @property
    def own_cells(self) -> Path:
        """Cells of LLMs' own rows, as they are searched."""
        return self.root / OWN_CELLS_FILE

    @property
    def head(self) -> Path:
        """The trained head."""
        return self.root / HEAD_FILE

    @property
    def first_tier(self) -> Path:
        """Folder of the first tier: its own encoder and head, and what is fitted of it."""
        return self.root / FIRST_TIER_FOLDER

    @property
    def fitted_tier(self) -> Path:
        """What the first tier is sure of, and corrections of its probabilities."""
        return self.first_tier / "calibration.json"

    @property
    def known_prompts(self) -> Path:
        """Digests of the build's prompts, which the first tier leaves to the second."""
        return self.first_tier / "known_prompts.npy"

    def files(self) -> list[str]:
        """Names of all files but the manifest, relative to the folder."""
        found = (p for p in self.root.rglob("*") if p.is_file() and p != self.manifest)
        names = (p.relative_to(self.root).as_posix() for p in found)
        return sorted(name for name in names if not name.startswith(CHECKED_FILE))

    def state(self) -> str:
        """A text that changes whenever a file does: the size, time and number of each."""
        found: list[str] = []
        for path in sorted(self.root.rglob("*")):
            if path.name.startswith(CHECKED_FILE):
                continue
            try:
                file = path.stat()
            except FileNotFoundError:  # it goes while it is looked at, as a copy's parts do
                continue
            found.append(f"{path.name} {file.st_size} {file.st_mtime_ns} {file.st_ino}")
        return "\n".join(found)

    def exists(self) -> bool:
        """True if the folder says that it is an artifact."""
        return self.manifest.is_file()


def sha256_of(path: Path) -> str:
    """Hex digest of a file's content, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


def check_files(layout: ArtifactLayout, manifest: Manifest, *, anew: bool = False) -> None:
    """Hold every file against the manifest.

    Args:
        layout: The folder of the artifact, whose files are looked at.
        manifest: Says size and SHA-256 of each of them.
        anew: Read files too that were found good before and were not written to since.

    Raises:
        ArtifactIncompleteError: A file is missing.
        ArtifactAlteredError: A file has another size or content.
    """
    needed = [*layout.CONTENT, *sorted({*manifest.files} - {*layout.CONTENT})]
    # The sizes of all before the content of any: of a version that is still being copied that says
    # so at once.
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
    states = states_of(layout.root, [MANIFEST_FILE, *needed])
    if not anew and was_checked(layout.root, states):
        return
    for name in needed:
        path = layout.root / name
        if sha256_of(path) != manifest.files[name].get("sha256"):
            raise ArtifactAlteredError(
                f"{path} is not the file that the manifest describes (its SHA-256 differs): it was "
                "altered. Restore the file or build the index again"
            )
    remember_checked(layout.root, states)


def files_of(manifest: Manifest) -> list[str]:
    """Names of the files that a manifest describes.

    Raises:
        ArtifactAlteredError: One of them lies outside the artifact.
    """
    for name in manifest.files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise ArtifactAlteredError(
                f"the manifest of {manifest.version!r} names the file {name!r}: expected names "
                "inside the artifact's folder. Build the index again"
            )
    return sorted(manifest.files)


def checked_manifest(folder: Path, version: str) -> Manifest:
    """The manifest of an artifact, after holding every file against it.

    Raises:
        ArtifactError: A file is missing or altered.
        StoreError: The artifact is another version.
    """
    layout = ArtifactLayout(folder)
    manifest = read_manifest(layout)
    if manifest.version != version:
        raise StoreError(f"{folder} holds version {manifest.version!r}, not {version!r}")
    files_of(manifest)
    check_files(layout, manifest)
    return manifest
