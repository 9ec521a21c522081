"""What happens to an exception that nobody foresaw: an id for the caller, the facts for the log."""

import traceback
import uuid

import structlog

from predictor_service.errors import InternalFailureError

log = structlog.get_logger(__name__)


def unexpected(error: BaseException, *, where: str) -> InternalFailureError:
    """Log an unforeseen exception and make the error that its caller gets.

    The exception's own text stays out of both: libraries like to quote their input, which is a
    prompt.

    Args:
        error: The exception that nobody foresaw.
        where: What was being done, for the log and the caller: "prediction", "Report".
    """
    error_id = uuid.uuid4().hex[:12]
    frames = traceback.extract_tb(error.__traceback__)
    log.error(
        "unexpected exception",
        error_id=error_id,
        where=where,
        type=type(error).__qualname__,
        frames=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    )
    return InternalFailureError(
        f"{where} failed inside the service; its log has the details under id {error_id}"
    )
