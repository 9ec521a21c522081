"""Where the service listens."""

from pathlib import Path

from pydantic import BaseModel, Field


class ListenOptions(BaseModel):
    """The address, and who is told of it."""

    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="address to listen on; 0.0.0.0 opens it to the network; unix:/path for a "
        "Unix domain socket",
    )
    port: int = Field(50051, ge=0, le=65_535, description="TCP port; 0 picks a free one")
    port_file: Path | None = Field(None, description="file to write the port to once it serves")
