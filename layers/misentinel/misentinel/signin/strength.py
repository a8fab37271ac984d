"""Password strength: length decides, and what everybody tries first is refused."""

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from misentinel.errors import Invalid
from misentinel.signin.passwords import normalised

MIN_LENGTH = 12
MAX_LENGTH = 128
"""Code points. NIST SP 800-63B-4, section 3.1.1: at least 8 beside a second factor, at most no less
than 64, no composition rules, a blocklist."""

MIN_UNITS = 9
"""What is left of a password when every guessable part of it counts as one character."""

MIN_CONTEXT_WORD = 4
"""Shorter names (of a workspace, a mailbox) occur by chance."""

_ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop")
_RUN = 4
_LOOKALIKES = str.maketrans("@4301!$57+8", "aaeoiissttb")
_REPEATED = re.compile(r"(.+?)\1{2,}")
_YEAR = re.compile(r"(?:19|20)\d\d")


def require_strong(password: str, *, field: str = "password", context: Iterable[str] = ()) -> None:
    """Refuse a password that is too short, too long or among the first that a guesser tries.

    Parameters
    ----------
    password
        As the person typed it.
    field
        The name of the request's field, for the answer.
    context
        Words that a guesser of this account knows: the workspace's slug, the e-mail address.

    Raises
    ------
    Invalid
        With a sentence on what to do; it never repeats the password.
    """
    reason = weakness(password, context)
    if reason:
        raise Invalid("Choose another password.", errors=[{"field": field, "message": reason}])


def weakness(password: str, context: Iterable[str] = ()) -> str | None:
    """Why a password is refused, or ``None``."""
    text = normalised(password)
    if len(text) < MIN_LENGTH:
        return f"Use at least {MIN_LENGTH} characters; a few unrelated words make a good password."
    if len(text) > MAX_LENGTH:
        return f"Use at most {MAX_LENGTH} characters."
    if units(text, context) < MIN_UNITS:
        return "This is easy to guess: avoid common words, names of your workspace, runs and repetitions."
    return None


def units(text: str, context: Iterable[str] = ()) -> int:
    """The length of a password in which every common word, run, repetition and year counts once."""
    plain = text.casefold()
    words = _common_words() | _context_words(context)
    return min(_units(plain, words), _units(plain.translate(_LOOKALIKES), words))


def _units(text: str, words: frozenset[str]) -> int:
    shortened = _REPEATED.sub(r"\1", text)
    longest = max(map(len, words))
    count = position = 0
    while position < len(shortened):
        position += _guessable(shortened, position, words, longest) or 1
        count += 1
    return count


def _guessable(text: str, start: int, words: frozenset[str], longest: int) -> int:
    """How many characters from here on are one guess: the longest word, run or year; 0 for none."""
    for length in range(min(longest, len(text) - start), 2, -1):
        if text[start : start + length] in words:
            return length
    year = _YEAR.match(text, start)
    return _run(text, start) or (year.end() - start if year else 0)


def _run(text: str, start: int) -> int:
    """The length of a run along the alphabet, the digits or a keyboard's row, either way; 0 if short."""
    best = 0
    for row in _ROWS:
        for line in (row, row[::-1]):
            length = _RUN
            while text[start : start + length] in line and start + length <= len(text):
                best = max(best, length)
                length += 1
    return best


@lru_cache(maxsize=1)
def _common_words() -> frozenset[str]:
    lines = Path(__file__).with_name("common_words.txt").read_text(encoding="utf-8").split()
    return frozenset(lines)


def _context_words(context: Iterable[str]) -> frozenset[str]:
    parts = (part for text in context for part in re.split(r"[\W_]+", text.casefold()))
    return frozenset(part for part in parts if len(part) >= MIN_CONTEXT_WORD)
