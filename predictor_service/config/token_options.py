"""Bearer tokens."""

from pathlib import Path

from pydantic import BaseModel, Field, field_validator


class TokenOptions(BaseModel):
    """Files of tokens, one per line, for each class of methods. Read again when they change."""

    predict_token_file: Path | None = Field(
        None,
        description="file of the tokens that may predict and ask for index info, one per line, "
        "`NAME TOKEN` or `TOKEN`; default: everybody may",
    )
    report_token_file: Path | None = Field(
        None, description="the same for those that may report; default: everybody may"
    )
    admin_token_file: Path | None = Field(
        None,
        description="the same for those that may switch the index; default: nobody may, but over "
        "a Unix domain socket",
    )

    @field_validator("predict_token_file", "report_token_file", "admin_token_file")
    @classmethod
    def _token_file_exists(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("expected an existing file")
        return value
