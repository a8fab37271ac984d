"""Passwords at rest: Argon2id, and the same work for accounts that do not exist."""

import unicodedata
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from misentinel import clock

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""Argon2id, m=19 MiB, t=2, p=1: OWASP Password Storage Cheat Sheet, second of its equivalent settings."""


def normalised(password: str) -> str:
    """A password in NFKC (NIST SP 800-63B: normalise before hashing), so that it fits from any keyboard."""
    return unicodedata.normalize("NFKC", password)


def hashed(password: str) -> str:
    """The Argon2id hash of a password, in PHC string format."""
    return HASHER.hash(normalised(password))


def verify(stored: str | None, password: str) -> bool:
    """Whether a password fits a stored hash; without one the same work is done on a dummy, and it never fits."""
    try:
        HASHER.verify(stored or dummy(), normalised(password))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Whether a hash was made with other costs than today's and should be made anew."""
    return HASHER.check_needs_rehash(stored)


@lru_cache(maxsize=1)
def dummy() -> str:
    """A hash that no password fits: of a random text that nobody keeps."""
    return HASHER.hash(clock.token())
