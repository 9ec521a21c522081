"""What is served."""

from pathlib import Path

from pydantic import BaseModel, Field, field_validator


class IndexOptions(BaseModel):
    """The place of the index."""

    index: str = Field(
        min_length=1,
        description="folder of an artifact, or a store with a CURRENT version; a store's may be a "
        "URL (s3://bucket/prefix)",
    )

    @field_validator("index", mode="before")
    @classmethod
    def _index_as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, Path) else value

    @field_validator("index")
    @classmethod
    def _index_is_a_folder_or_url(cls, value: str) -> str:
        if "://" not in value and not Path(value).is_dir():
            raise ValueError("expected an existing folder, or a URL")
        return value
