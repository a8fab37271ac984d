"""Payment card numbers: found in free text however they are written, and told from what only looks like one; pure."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import accumulate, pairwise

_BETWEEN = r"[\s./_\-\u00ad\u00b7\u2010-\u2015\u2022\u200b-\u200d\u2060\u2212\ufeff]"
"""What people and programs put between the digits of a number: spaces, dashes, dots, slashes, and what is not seen."""

_RUN = re.compile(rf"[0-9](?:{_BETWEEN}{{0,3}}[0-9])+")
_GROUP = re.compile(r"[0-9]+")
_ENOUGH = re.compile(rf"[0-9](?:{_BETWEEN}{{0,3}}[0-9]){{12}}")

_SHORTEST = 13
_PREFIX = 4
"""Digits that tell the scheme."""

_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
"""Twice a digit, its own digits added."""

_SCHEMES: tuple[tuple[str, str, frozenset[int]], ...] = (
    ("4", "4", frozenset({13, 16, 19})),  # Visa
    ("51", "55", frozenset({16})),  # Mastercard
    ("2221", "2720", frozenset({16})),  # Mastercard
    ("5018", "5018", frozenset(range(13, 20))),  # Maestro
    ("5020", "5020", frozenset(range(13, 20))),  # Maestro
    ("5038", "5038", frozenset(range(13, 20))),  # Maestro
    ("5893", "5893", frozenset(range(13, 20))),  # Maestro
    ("6304", "6304", frozenset(range(13, 20))),  # Maestro
    ("6759", "6759", frozenset(range(13, 20))),  # Maestro
    ("6761", "6763", frozenset(range(13, 20))),  # Maestro
    ("34", "34", frozenset({15})),  # American Express
    ("37", "37", frozenset({15})),  # American Express
    ("300", "305", frozenset(range(14, 20))),  # Diners Club
    ("3095", "3095", frozenset(range(14, 20))),  # Diners Club
    ("36", "36", frozenset(range(14, 20))),  # Diners Club
    ("38", "39", frozenset(range(14, 20))),  # Diners Club
    ("6011", "6011", frozenset(range(16, 20))),  # Discover
    ("644", "649", frozenset(range(16, 20))),  # Discover
    ("65", "65", frozenset(range(16, 20))),  # Discover
    ("62", "62", frozenset(range(16, 20))),  # UnionPay
    ("3528", "3589", frozenset(range(16, 20))),  # JCB
    ("1800", "1800", frozenset({15})),  # JCB
    ("2131", "2131", frozenset({15})),  # JCB
)
"""Issuer identification numbers (ISO/IEC 7812-1) of the brands whose cards PCI DSS protects, first to last, and lengths.

Source: the brands' published ranges, as collected in https://en.wikipedia.org/wiki/Payment_card_number (2026-11-23).
"""

_HASH = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{32,}(?![0-9A-Za-z])")
_UUID = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Za-z])")
_DATE = re.compile(
    r"(?<![0-9])(?<![0-9][./-])(?:"
    r"(?:19|20)[0-9]{2}(?P<a>[./-])(?:0[1-9]|1[0-2])(?P=a)(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0?[1-9]|[12][0-9]|3[01])(?P<b>[./-])(?:0?[1-9]|[12][0-9]|3[01])(?P=b)(?:19|20)[0-9]{2}"
    r")(?![./-]?[0-9])"
)
_PHONE = re.compile(rf"\+{_BETWEEN}?(?P<digits>[0-9](?:[\s./()\-\u2010-\u2015]{{0,3}}[0-9])*)")
_IBAN = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2}(?:[ -]?[0-9A-Za-z]){11,30}(?![0-9A-Za-z])")
_PHONE_DIGITS = 15
_IBAN_LENGTHS = range(15, 35)
_GONE = "|"


def holds_card_number(text: str) -> bool:
    """Whether a payment card number stands in a text.

    Digits of any script count, with up to three separators between any two. UUIDs, hashes, IBANs whose check digits
    are right, phone numbers with a plus (E.164), dates and times are passed over; so is what no scheme issues.
    """
    if len(text) < _SHORTEST:
        return False
    plain = text if text.isascii() else _in_ascii_digits(text)
    if _ENOUGH.search(plain) is None:
        return False
    for pattern in (_UUID, _HASH, _DATE):
        plain = pattern.sub(_GONE, plain)
    plain = _IBAN.sub(_iban_gone, plain)
    plain = _PHONE.sub(_phone_gone, plain)
    return any(_run_holds_card(run.group()) for run in _RUN.finditer(plain))


def _in_ascii_digits(text: str) -> str:
    """The text with each decimal digit of any script, full width and superscript included, as 0 to 9."""
    return "".join(
        str(unicodedata.decimal(each)) if each.isdecimal() else each for each in unicodedata.normalize("NFKC", text)
    )


def _run_holds_card(run: str) -> bool:
    """Whether neighbouring groups of a run of separated digits are together a card's number.

    In time proportional to the run's length: sums up to each place tell the check of any part of it.
    """
    groups = _GROUP.findall(run)
    digits = "".join(groups)
    if len(digits) < _SHORTEST:
        return False
    starts = [0, *accumulate(len(group) for group in groups)]
    ends = bytearray(len(digits) + 1)
    for place in starts[1:]:
        ends[place] = 1
    sums = _check_sums(digits)
    for start in starts[:-1]:
        for length in _lengths_of(digits[start : start + _PREFIX]):
            end = start + length
            if end <= len(digits) and ends[end]:
                known = sums[end % 2]
                if (known[end] - known[start]) % 10 == 0:
                    return True
    return False


def _check_sums(digits: str) -> tuple[list[int], list[int]]:
    """The sums of Luhn's check (ISO/IEC 7812-1, annex B) up to each place: for numbers that end at even, odd places."""
    values = [int(digit) for digit in digits]
    at_even = accumulate((_DOUBLED[v] if place % 2 == 0 else v for place, v in enumerate(values)), initial=0)
    at_odd = accumulate((v if place % 2 == 0 else _DOUBLED[v] for place, v in enumerate(values)), initial=0)
    return list(at_even), list(at_odd)


@cache
def _lengths_of(prefix: str) -> tuple[int, ...]:
    """How long a card's number may be that begins so; nothing if no scheme issues it."""
    lengths = [each for low, high, each in _SCHEMES if low <= prefix[: len(low)] <= high]
    return tuple(sorted(frozenset().union(*lengths)))


def _iban_gone(match: re.Match[str]) -> str:
    """Take an IBAN out if its check digits are right (ISO 13616-1, annex A); words may follow it in the match."""
    ends = [match.end() - match.start(), *(at for at, _ in _ends_of_words(match.group()))]
    for end in ends:
        compact = re.sub(r"[ -]", "", match.group()[:end]).upper()
        if len(compact) not in _IBAN_LENGTHS:
            continue
        turned = compact[4:] + compact[:4]
        if int("".join(str(int(each, 36)) for each in turned)) % 97 == 1:
            return _GONE + match.group()[end:]
    return match.group()


def _ends_of_words(text: str) -> Iterator[tuple[int, str]]:
    """Where a text may end before its end: at each space or hyphen, the longest part first."""
    for (_, here), (at, after) in reversed(list(pairwise(enumerate(text)))):
        if after in " -" and here not in " -":
            yield at, after


def _phone_gone(match: re.Match[str]) -> str:
    """Take a phone number out if it is no longer than one may be (ITU-T E.164, clause 6)."""
    digits = sum(each.isdigit() for each in match["digits"])
    return _GONE if digits <= _PHONE_DIGITS else match.group()
