"""When predictions are too far from what the index promised."""

from pydantic import BaseModel, Field

from predictor_service.drift.band import Band


class DriftOptions(BaseModel):
    """The window that is watched, and the band that it is to stay in."""

    drift_window: int = Field(
        1_000,
        ge=0,
        le=10_000,
        description="reported lengths of each LLM that its predictions are judged by; 0: none",
    )
    drift_error_ratio: float = Field(
        1.3,
        ge=1,
        le=100,
        description="alarm if the mean error exceeds that of the index's evaluation so many times",
    )
    drift_coverage_margin: float = Field(
        0.05,
        ge=0,
        le=1,
        description="alarm if the 90 % interval holds so much less of the lengths than in the "
        "index's evaluation",
    )

    @property
    def drift_band(self) -> Band:
        """The band."""
        return Band(error_ratio=self.drift_error_ratio, coverage_margin=self.drift_coverage_margin)
