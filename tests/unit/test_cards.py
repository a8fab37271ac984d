"""Card numbers are found however they are written; what only looks like one is not."""

import json
import re
import sys
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misentinel import cards as cards_module
from misentinel.cards import holds_card_number

# The card brands' and payment providers' published test numbers.
KNOWN = [
    "4111111111111111",
    "4242424242424242",
    "4012888888881881",
    "4222222222222",
    "4000000000000000006",
    "5555555555554444",
    "5105105105105100",
    "2223003122003222",
    "2720992700009999",
    "378282246310005",
    "371449635398431",
    "30569309025904",
    "38520000023237",
    "36227206271667",
    "6011111111111117",
    "6011000990139424",
    "6445644564456445",
    "6500000000000002",
    "6200000000000005",
    "6205500000000000004",
    "3530111333300000",
    "3566002020360505",
    "6759649826438453",
    "6304000000000000",
    "5018000000000009",
]
SEPARATORS = [
    "",
    " ",
    "-",
    ".",
    "/",
    "_",
    " - ",
    "\u00a0",
    "\u2009",
    "\u202f",
    "\u2013",
    "\u2011",
    "\u00b7",
    "\u200b",
    "\u00ad",
]


def grouped(number: str, separator: str, sizes: list[int]) -> str:
    """A number in groups of these sizes, again and again."""
    parts, at, turn = [], 0, 0
    while at < len(number):
        size = sizes[turn % len(sizes)]
        parts.append(number[at : at + size])
        at, turn = at + size, turn + 1
    return separator.join(parts)


@pytest.mark.parametrize("number", KNOWN)
def test_the_published_test_numbers_are_found(number: str) -> None:
    assert holds_card_number(number)


cards = st.sampled_from(KNOWN)
sizes = st.lists(st.integers(1, 6), min_size=1, max_size=4)


@given(cards, st.sampled_from(SEPARATORS), sizes)
def test_with_any_separators_and_in_any_groups(number: str, separator: str, groups: list[int]) -> None:
    assert holds_card_number(grouped(number, separator, groups))


@given(cards, st.sampled_from([0x0660, 0x06F0, 0x0966, 0xFF10, 0x1D7CE, 0x1D7EC]))
def test_in_digits_of_any_script(number: str, zero: int) -> None:
    assert holds_card_number("".join(chr(zero + int(digit)) for digit in number))
    assert holds_card_number(f"n° {''.join(chr(zero + int(digit)) for digit in number)} ok")


@given(
    st.sampled_from(["", "card ", "Karte:", "pan=", "x", "12 ", "2026-11-23 ", "no. 7, ", "(", "+44 20 7946 0958, "]),
    cards,
    st.sampled_from(["", ".", " 12/27 123", "x", " thanks", ")", ", 4111", " 2026-11-23"]),
)
def test_wherever_it_stands(before: str, number: str, after: str) -> None:
    assert holds_card_number(f"{before}{grouped(number, ' ', [4])}{after}")
    assert holds_card_number(f"{before}{number}{after}")


IBANS = [
    "GB29NWBK60161331926819",
    "GB29 NWBK 6016 1331 9268 19",
    "DE89 3704 0044 0532 0130 00",
    "DE89370400440532013000",
    "FR14 2004 1010 0505 0001 3M02 606",
    "NL91 ABNA 0417 1643 00",
    "ES91 2100 0418 4502 0005 1332",
    "IT60 X054 2811 1010 0000 0123 456",
    "NO93 8601 1117 947",
    "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
    "please pay to DE89 3704 0044 0532 0130 00 by Friday",
    "de89-3704-0044-0532-0130-00",
]
PHONES = [
    "+44 20 7946 0958",
    "+4915123456789",
    "+49 (0) 1512 3456789",
    "+1-202-555-0143",
    "+420 123 456 789",
    "+49 30 901820-12345",
    "tel +358 40 1234567, +46 70 123 45 67",
]
TIMES = [
    "2026-11-23T13:30:05.123456Z",
    "2026-11-23 13:30:05",
    "20261123133005",
    "20261123T133005123Z",
    "1795440605900",
    "1795440605900123",
    "1795440605900123456",
    "30/05/2026 - 31/05/2026",
    "30.05.2026 31.05.2026 01.06.2026",
    "2026-11-23 2026-11-24",
]
OTHERS = [
    "ORD-2026-000123456",
    "INV/2026/11/000042",
    "order 100000000000000012",
    "7700900123456789",
    "9999999999999995",
    "0000000000000000",
    "978-3-16-148410-0",
    "9783161484100",
    "5901234123457",
    "356938035643809",
    "490154203237518",
    "f31aeb00-4982-4407-8941-965096ee86ef",
    "313874cddfbc423db246548991270564",
    "41111111-1111-1111-1111-111111111111",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "4111 1111 1111 1112",
    "192.168.100.200 10.20.30.40",
    "1,234,567,890,123,456",
    "AB123456C 12-34-56 12345678",
    "",
    "4",
]


@pytest.mark.parametrize("text", [*IBANS, *PHONES, *TIMES, *OTHERS])
def test_look_alikes_are_let_through(text: str) -> None:
    assert not holds_card_number(text)


def iban(country: str, bban: str) -> str:
    """An IBAN with its check digits (ISO 13616-1, annex A)."""
    turned = "".join(str(int(each, 36)) for each in f"{bban}{country}00")
    return f"{country}{98 - int(turned) % 97:02d}{bban}"


@given(st.sampled_from(["DE", "FR", "PL", "ES", "CH", "AT"]), st.text("0123456789", min_size=14, max_size=24))
def test_every_iban_is_let_through_however_it_is_written(country: str, bban: str) -> None:
    number = iban(country, bban)
    assert not holds_card_number(number)
    assert not holds_card_number(grouped(number, " ", [4]))
    assert not holds_card_number(f"to {grouped(number.lower(), '-', [4])}.")


def test_what_only_begins_like_an_iban_is_none() -> None:
    assert holds_card_number("DE00 4111 1111 1111 1111")
    assert holds_card_number("CC12 4111111111111111")


@given(st.text("0123456789", min_size=7, max_size=15), st.sampled_from(["", " ", "-", "."]), sizes)
def test_every_phone_number_with_a_plus_is_let_through(digits: str, separator: str, groups: list[int]) -> None:
    assert not holds_card_number(f"+{grouped(digits, separator, groups)}")


def test_a_plus_before_a_card_number_makes_it_no_phone_number() -> None:
    assert holds_card_number("+4111111111111111")
    assert holds_card_number("+44 20 7946 0958 4111 1111 1111 1111")


@given(st.uuids())
def test_every_uuid_is_let_through(value: uuid.UUID) -> None:
    assert not holds_card_number(f"{value}")
    assert not holds_card_number(f"id={value.hex};")


@given(st.integers(1_000_000_000, 2_200_000_000), st.integers(0, 999_999))
def test_every_time_is_let_through(seconds: int, microseconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)
    for text in (
        moment.isoformat(),
        f"{moment:%Y%m%d%H%M%S}",
        f"{moment:%d/%m/%Y %H:%M}",
        f"{seconds}.{microseconds:06d}",
    ):
        assert not holds_card_number(text)


@given(st.integers(0, 10**15 - 1))
def test_a_wrong_check_digit_is_no_card(number: int) -> None:
    body = f"4{number:015d}"[:15]
    right = [digit for digit in "0123456789" if holds_card_number(body + digit)]
    assert len(right) == 1


@given(st.text("0123456789 ", min_size=1, max_size=60))
def test_the_quick_search_finds_what_a_plain_one_does(text: str) -> None:
    assert holds_card_number(text) == plainly(text)


def plainly(text: str) -> bool:
    """Every sequence of neighbouring groups, one by one, with Luhn's check as it is written down."""
    for run in re.findall(r"[0-9](?:[ -]{0,3}[0-9])*", text):
        groups = re.findall("[0-9]+", run)
        numbers = {"".join(groups[a:b]) for a in range(len(groups)) for b in range(a + 1, len(groups) + 1)}
        if any(is_card(number) for number in numbers):
            return True
    return False


def is_card(number: str) -> bool:
    doubled = [int(each) * (1 + place % 2) for place, each in enumerate(reversed(number))]
    issued = any(
        low <= number[: len(low)] <= high and len(number) in lengths for low, high, lengths in cards_module._SCHEMES
    )
    return issued and sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


HARD = [
    "4 ",
    "50185018 ",
    "4-4_4.",
    "aa11 ",
    "DE89 3704 0044 ",
    "+1 ",
    "+4 ( ",
    "2026-11-23 ",
    "f31aeb00-4982-",
    "4" * 18 + " ",
]


@pytest.mark.parametrize("filler", HARD)
def test_a_megabyte_made_to_be_slow_is_searched_in_steps_in_proportion_to_its_length(filler: str) -> None:
    steps = [steps_of(filler * (size // len(filler))) for size in (10_000, 40_000)]
    assert steps[1] < 5 * steps[0] + 1_000


def steps_of(text: str) -> int:
    """How many lines of Python a search runs."""
    count = 0

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace if frame.f_code.co_filename == cards_module.__file__ else None

    sys.settrace(trace)
    try:
        holds_card_number(text)
    finally:
        sys.settrace(None)
    return count


def test_json_of_a_whole_person_is_no_card() -> None:
    person = {"id": "01a2095e-2a72-7608-8329-8bf48590599e", "created_at": "2026-11-23T13:30:00.000Z", "score": 42}
    assert not holds_card_number(json.dumps(person))
