"""The client's bearer token, which may be replaced while it runs."""

from pathlib import Path

from scheduler_client.errors import InvalidRequestError

Metadata = tuple[tuple[str, str], ...]


class TokenFile:
    """Reads a token, and again when its file changes.

    Args:
        path: The file: the token on its first line that is no comment, last word if several, so
            that the service's own file of tokens will do.
        name: What the file was given as, for errors.

    Raises:
        InvalidRequestError: If it cannot be read or holds no token.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._stamp = self._look()
        self._metadata = self._read()

    def metadata(self) -> Metadata:
        """What goes with a call; the token that was read last where the new one cannot be used."""
        stamp = self._look()
        if stamp != self._stamp:
            try:
                self._metadata = self._read()
            except InvalidRequestError:
                return self._metadata  # it is being replaced: looked at again at the next call
            self._stamp = stamp
        return self._metadata

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> Metadata:
        came = f"{self._name} is {str(self._path)!r}"
        try:
            lines = self._path.read_text("utf-8").splitlines()
        except OSError as error:
            raise InvalidRequestError(f"{came}: it cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise InvalidRequestError(f"{came}: expected text") from None
        for line in lines:
            words = line.split()
            if words and not words[0].startswith("#"):
                return _checked(words[-1], came)
        raise InvalidRequestError(f"{came}, which holds no token: expected one on a line")


def _checked(token: str, came: str) -> Metadata:
    if not (token.isascii() and token.isprintable()):
        raise InvalidRequestError(f"{came}: expected a token of ASCII characters")
    return (("authorization", f"Bearer {token}"),)
