"""TLS."""

from pathlib import Path

from pydantic import BaseModel, Field, ValidationInfo, field_validator, model_validator

from predictor_service.rpc.address import is_unix


class TlsOptions(BaseModel):
    """The files of the service's certificate, and whose certificates it wants of callers.

    They are read again when they change.
    """

    tls_cert_file: Path | None = Field(
        None, description="PEM file with the service's certificate and its chain; default: no TLS"
    )
    tls_key_file: Path | None = Field(
        None, description="PEM file with the certificate's private key"
    )
    tls_client_ca_file: Path | None = Field(
        None,
        description="PEM file with the authorities of callers' certificates, which are then "
        "demanded (mutual TLS)",
    )

    @field_validator("tls_cert_file", "tls_key_file", "tls_client_ca_file")
    @classmethod
    def _tls_file_exists(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is None:
            return None
        if is_unix(info.data.get("host", "")):
            raise ValueError("expected none with a Unix domain socket, where files' rights rule")
        if not value.is_file():
            raise ValueError("expected an existing file")
        return value

    @model_validator(mode="after")
    def _tls_files_belong_together(self) -> "TlsOptions":
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("--tls-cert-file and --tls-key-file: expected both, or none of them")
        if self.tls_client_ca_file is not None and self.tls_cert_file is None:
            raise ValueError("--tls-client-ca-file: expected --tls-cert-file with it")
        return self

    @property
    def has_tls(self) -> bool:
        """True if callers must speak TLS."""
        return self.tls_cert_file is not None
