"""The whole error tree of the history. No message holds a prompt or a password.

HistoryError
├── OpenError           the place cannot be used: the message is one line for the operator
├── UnavailableError    the database cannot be reached, or is too busy now: retry
├── FullError           its disk is full
└── NoTextError         a row is asked for its text, of which only the vector was kept
"""


class HistoryError(Exception):
    """Anything that goes wrong with the history."""


class OpenError(HistoryError):
    """The place cannot be used."""


class UnavailableError(HistoryError):
    """The database cannot be reached, or is too busy now; nothing is known to be stored."""


class FullError(HistoryError):
    """The database's disk is full; nothing was stored."""


class NoTextError(HistoryError):
    """Only the vector of this prompt was kept."""
