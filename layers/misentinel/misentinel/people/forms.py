"""Forms: the one way in which a value is compared or kept."""

import re
import unicodedata
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from misentinel import clock

PHONE = r"^\+[1-9]([ .()-]{0,2}[0-9]){6,14}$"
"""An E.164 number; what people put between its digits is let in and not kept."""

LOCALE = r"^[A-Za-z]{2,3}([_-][A-Za-z]{4})?([_-]([A-Za-z]{2}|[0-9]{3}))?([_-]([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*$"
"""Language, script, region and variants of a language tag (RFC 5646, section 2.1)."""

TIME_ZONE = r"^[A-Z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,31}){0,2}$"
"""What names in the IANA time zone database look like."""

_BETWEEN_DIGITS = re.compile(r"[^0-9+]")
_SCRIPT, _REGION = 4, 2


def composed(text: str) -> str:
    """Unicode's NFC: what looks alike because it is the same is the same."""
    return unicodedata.normalize("NFC", text)


def email_form(email: str) -> str:
    """What addresses are compared by: NFKC, case folded, an internationalised domain in its ASCII form.

    RFC 5321 lets a host tell ``A@x`` from ``a@x``; people do not.
    """
    folded = unicodedata.normalize("NFKC", email).casefold()
    local, _, domain = unicodedata.normalize("NFKC", folded).strip().rpartition("@")
    return f"{local}@{_ascii_domain(domain)}"


def _ascii_domain(domain: str) -> str:
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return domain


def phone_form(phone: str) -> str:
    """E.164: a plus sign and digits."""
    return _BETWEEN_DIGITS.sub("", phone)


def locale_form(tag: str) -> str:
    """A language tag in the case that RFC 5646, section 2.1.1, recommends: ``zh-Hant-TW``."""
    language, *rest = tag.replace("_", "-").split("-")
    return "-".join([language.lower(), *(_subtag(each) for each in rest)])


def _subtag(text: str) -> str:
    if len(text) == _SCRIPT and text.isalpha():
        return text.title()
    return text.upper() if len(text) == _REGION else text.lower()


@lru_cache(maxsize=1024)
def is_time_zone(name: str) -> bool:
    """Whether the IANA database has a zone of this name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def time_form(text: str) -> str:
    """A time in UTC to the millisecond, so that times compare as text.

    Raises
    ------
    ValueError
        Not an RFC 3339 time.
    """
    return clock.rfc3339(clock.moment(text))
