"""What of a value may be shown."""

import re

_USER_INFO = re.compile(r"(?<=://)([^/@:]*):[^/]*@")
_PARAMETER = re.compile(r"(?i)\b(\w*(?:password|passwd|secret|token|key)\w*=)[^&\s]+")


def without_secrets(text: str) -> str:
    """A text, with stars for the passwords of URLs in it."""
    return _PARAMETER.sub(r"\1***", _USER_INFO.sub(r"\1:***@", text))
