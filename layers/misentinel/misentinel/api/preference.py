"""Preferences (RFC 7240): a client that needs no body gets none."""

import re
from dataclasses import replace

from misentinel.api.idempotency import Answer

MAX_LENGTH = 1_000
"""Characters of a Prefer header that are read."""

_APART = re.compile(r'("(?:[^"\\]|\\.)*"|[^",;=\s]+|[,;=])|\s+|.')
_OK, _CREATED, _NO_CONTENT = 200, 201, 204


def wants_minimal(prefer: str) -> bool:
    """Whether ``return=minimal`` is preferred; of two ``return`` preferences the first one counts (section 2)."""
    if len(prefer) > MAX_LENGTH:
        return False
    words: list[str] = []
    for match in [*_APART.finditer(prefer), None]:
        word = match.group(1) if match else ","
        if word == ",":
            if [each.lower() for each in words[:2]] == ["return", "="]:
                return len(words) > 2 and words[2].strip('"') == "minimal"  # noqa: PLR2004 - name, =, value
            words = []
        elif word:
            words.append(word)
    return False


def minimal(answer: Answer) -> Answer:
    """An answer without its body: 204, or still 201 with the Location of what was made."""
    if answer.status not in {_OK, _CREATED}:
        return answer
    headers = {name: value for name, value in answer.headers.items() if name != "Content-Type"}
    headers["Preference-Applied"] = "return=minimal"
    return replace(answer, status=_CREATED if answer.status == _CREATED else _NO_CONTENT, headers=headers, body="")
