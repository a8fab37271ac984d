"""One-time codes by time (RFC 6238): SHA-1, six digits, thirty seconds, one step either way."""

from datetime import datetime

import pyotp
from pyotp.utils import strings_equal

STEP_SECONDS = 30
DIGITS = 6
WINDOW = 1
"""Steps before and after now whose codes are accepted: clocks differ (RFC 6238, section 5.2)."""

SEED_CHARACTERS = 32
"""A seed has 160 bits: the length of the HMAC's output (RFC 4226, section 4, requirement 6)."""


def new_seed() -> str:
    """A random seed, in the base32 that authenticator apps take."""
    return pyotp.random_base32(SEED_CHARACTERS)


def otpauth_uri(seed: str, *, workspace: str, email: str) -> str:
    """What an authenticator app reads from a QR code (Google's Key URI format: no colon in the issuer)."""
    return pyotp.TOTP(seed).provisioning_uri(name=email, issuer_name=f"MiSentinel {workspace}")


def matching_step(seed: str, code: str, at: datetime) -> int | None:
    """The time step whose code this is, or ``None``.

    Every step of the window is compared, each in constant time, so that the answer's timing does not
    say which it was. Where two steps share a code, the later one counts: accepting it spends both.
    """
    totp = pyotp.TOTP(seed, digits=DIGITS, interval=STEP_SECONDS)
    current = int(at.timestamp()) // STEP_SECONDS
    found: int | None = None
    for step in range(current - WINDOW, current + WINDOW + 1):
        if strings_equal(totp.generate_otp(step), code):
            found = step
    return found
