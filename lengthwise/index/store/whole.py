"""What belongs to a version, known from its manifest and from nothing else."""

from pathlib import Path, PurePosixPath

from lengthwise.index.errors import ArtifactAlteredError, StaleVersionError, StoreError
from lengthwise.index.store.layout import ArtifactLayout, Manifest, check_files, read_manifest

MANIFEST = "manifest.json"


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


def require_name(version: str) -> str:
    """A version's name, if it can be a folder's.

    Raises:
        StoreError: It cannot.
    """
    if version in ("", ".", "..") or not set("/\\\0").isdisjoint(version):
        raise StoreError(f"{version!r} is no name of a version: expected one without '/'")
    return version


def stale(place: str, current: str | None, expected: str | None) -> StaleVersionError:
    """What is raised where another version became current."""

    def named(version: str | None) -> str:
        return "no version" if version is None else f"version {version!r}"

    return StaleVersionError(
        f"{named(current)} is current in {place} by now, this was made to follow "
        f"{named(expected)}: nothing was published; run again to build on what is there"
    )
