"""Where the index of encoded parts goes: a folder of versions here, or behind a URL."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from index_builder.build.builder import ArtifactBuild, BuildOptions, BuildResult, build_encoded
from index_builder.build.encoded_rows import EncodedRows
from index_builder.build.progress import BuildProgress
from index_builder.distributed.place import is_url
from index_builder.evaluation.evaluation import Evaluation
from lengthwise.index.store import Published
from lengthwise.index.store.manifest import Manifest
from lengthwise.index.store.published import new_version


@dataclass(frozen=True, slots=True)
class PublishedIndex:
    """A version that is current.

    Args:
        where: Folder or URL of the version, not of its store.
        manifest: What it says of itself.
        evaluation: How well it predicts rows of its own; None if they were too few to tell.
        no_first_tier: Why a first tier that was trained is left out, for people; "" otherwise.
    """

    where: str
    manifest: Manifest
    evaluation: Evaluation | None
    no_first_tier: str = ""

    @classmethod
    def from_result(cls, result: BuildResult) -> "PublishedIndex":
        """What a build has published to a folder."""
        return cls(str(result.path), result.manifest, result.evaluation, result.no_first_tier)


def build_to(
    out: str, encoded: EncodedRows, options: BuildOptions, progress: BuildProgress
) -> PublishedIndex:
    """Build a version and make it the current one of a store.

    Args:
        out: Folder or URL of the store.
        encoded: The rows with their vectors.
        options: How the index is built.
        progress: Is told how far it is.

    Raises:
        InvalidInputError: There are too few rows.
        StaleVersionError: Another version was published behind the URL meanwhile.
        StoreError: The store cannot be written; nothing is published.
    """
    if not is_url(out):
        return PublishedIndex.from_result(
            build_encoded(encoded, Path(out), options, progress=progress)
        )
    store = Published.at(out)
    current = store.current()
    version = new_version(after=store.versions())
    job = ArtifactBuild(version, encoded, options, trained=None, progress=progress)
    with TemporaryDirectory(prefix="lengthwise-built-") as name:
        folder = Path(name) / job.version
        folder.mkdir()
        job.write(folder)
        store.publish(folder, job.version, expected=current)
    where = f"{out.rstrip('/')}/versions/{job.version}"
    return PublishedIndex(where, job.made.manifest, job.made.evaluation)
