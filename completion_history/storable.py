"""Text as every database takes it."""

NUL = "\x00"
REPLACEMENT = "\ufffd"


def storable(text: str) -> tuple[str, int]:
    """Replace what some database refuses: NUL characters, and halves of surrogate pairs.

    Returns:
        The text, and its size in bytes.
    """
    if NUL in text:
        text = text.replace(NUL, REPLACEMENT)
    if text.isascii():
        return text, len(text)
    try:
        return text, len(text.encode())
    except UnicodeEncodeError:
        raw = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
        return raw.decode(), len(raw)
