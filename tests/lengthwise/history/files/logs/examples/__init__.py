"""One small made-up log for each tool."""

from tests.lengthwise.history.files.logs.examples import apis, observing, serving
from tests.lengthwise.history.files.logs.examples.log import Log

LOGS: tuple[Log, ...] = (*apis.LOGS, *observing.LOGS, *serving.LOGS)
