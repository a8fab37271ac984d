"""Origins: which websites' pages may speak for a member of a workspace (CORS); pure."""

import re

MAX_LENGTH = 255
"""Characters of an origin at most."""

MAX_ALLOWED = 20
"""Origins that a workspace may list."""

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]{{2,45}}\])"
_ORIGIN = re.compile(rf"(?P<scheme>https?)://(?P<host>{_HOST})(?::(?P<port>[1-9][0-9]{{0,4}}))?")
_DEFAULT_PORTS = {"https": "443", "http": "80"}


def is_origin(text: str) -> bool:
    """Whether a text is the serialised origin of a website (RFC 6454, section 6.2); ``null`` is none."""
    return len(text) <= MAX_LENGTH and _ORIGIN.fullmatch(text) is not None


def listed_form(text: str) -> str:
    """An origin as it is kept in a workspace's list: as browsers send it, so that both compare as text.

    Raises
    ------
    ValueError
        Not an origin, or one that would send tokens unencrypted: it says how to write it.
    """
    wanted = text.strip().lower().removesuffix("/")
    found = _ORIGIN.fullmatch(wanted) if len(wanted) <= MAX_LENGTH else None
    if found is None:
        message = "write an origin alone: https://app.example.com, without path or wildcard, in ASCII"
        raise ValueError(message)
    if found["scheme"] == "http" and found["host"] != "localhost":
        message = "only https://… or http://localhost with a port may be allowed"
        raise ValueError(message)
    if found["port"] == _DEFAULT_PORTS[found["scheme"]]:
        return wanted.rpartition(":")[0]
    return wanted
