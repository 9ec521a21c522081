"""The tokens of a file, and which kind of token a method wants."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class MethodClass(StrEnum):
    """A class of methods; its value is what its tokens may do."""

    PREDICT = "predict"
    REPORT = "report"
    ADMIN = "administer"


_SERVICE = "/lengthwise.v1.LengthPredictor/"
"""Begins the full names of its methods, as gRPC gives them."""

_CLASSES = {
    _SERVICE + "Predict": MethodClass.PREDICT,
    _SERVICE + "PredictBatch": MethodClass.PREDICT,
    _SERVICE + "PredictStream": MethodClass.PREDICT,
    _SERVICE + "GetIndexInfo": MethodClass.PREDICT,
    _SERVICE + "Report": MethodClass.REPORT,
}
"""By full name; a method that is missing here takes an administrator's token."""


def method_class(method: str) -> MethodClass:
    """The class of a method by its full name; what is not known takes the rarest token.

    Health and reflection have no class: they are not guarded.
    """
    return _CLASSES.get(method, MethodClass.ADMIN)


MIN_TOKEN_CHARS = 16
"""Shorter ones can be guessed."""

_TOKEN = re.compile(r"[!-~]+")
"""Visible ASCII: what metadata carries as it is."""


def digest(token: str) -> bytes:
    """What is kept of a token, so that no dump of the memory or the log gives it away."""
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Args:
        name: Of its caller, for the log and for limits.
        digest: SHA-256 of the token itself; see `digest`.
    """

    name: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class TokenSet:
    """Tokens that are all good for the same: several, so that one can replace another."""

    tokens: tuple[Token, ...]

    def find(self, wanted: bytes) -> str | None:
        """The name of the token with a digest, in a time that depends on their number alone."""
        found = None
        for token in self.tokens:
            if hmac.compare_digest(token.digest, wanted):
                found = token.name
        return found

    @classmethod
    def from_file(cls, path: Path) -> "TokenSet":
        """Read a file: a line for each token, `NAME TOKEN` or `TOKEN`; # begins a comment.

        Raises:
            ValueError: A line is neither, or there is none. No token is ever part of the text.
            OSError: It cannot be read.
        """
        tokens: list[Token] = []
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if len(words) > 2:
                raise ValueError(
                    f"{path}, line {number} has {len(words)} words: expected NAME TOKEN, or TOKEN"
                )
            name = words[0] if len(words) == 2 else f"{path.name}:{number}"
            tokens.append(Token(name, digest(_checked(words[-1], f"{path}, line {number}"))))
        if not tokens:
            raise ValueError(f"{path} holds no token: expected one on each line")
        return cls(tuple(tokens))


def _checked(token: str, where: str) -> str:
    if len(token) < MIN_TOKEN_CHARS or not _TOKEN.fullmatch(token):
        raise ValueError(
            f"{where} has a token of {len(token)} characters: expected {MIN_TOKEN_CHARS} or more "
            "of ASCII without blanks, for instance from: openssl rand -hex 32"
        )
    return token
