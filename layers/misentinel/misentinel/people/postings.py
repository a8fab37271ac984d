"""Postings: entries that lead from a tag or a value to the people who have it, in the value's order."""

import re
import struct

from misentinel.people.attributes import AttributeType, Value

INDEXED_TEXT = 100
"""Characters of a string by which it is sorted; what is longer is told apart when the person is read."""

_LOW = re.compile(r"[\x00-$]")
_SIGN = 1 << 63


def encoded(kind: AttributeType, value: Value) -> str:
    """A text that sorts as the value does: if one value is not greater than another, nor is its text.

    It has no ``#``, and no character that sorts before it, so that it may be followed by one. A number is its IEEE 754
    bits, all inverted if it is negative, else its sign bit alone.
    """
    match kind:
        case AttributeType.STRING:
            return _LOW.sub(lambda found: f"${chr(64 + ord(found.group()))}", str(value)[:INDEXED_TEXT])
        case AttributeType.NUMBER:
            (bits,) = struct.unpack(">Q", struct.pack(">d", float(value) + 0.0))
            return f"{bits ^ (_SIGN if bits < _SIGN else 2 * _SIGN - 1):016x}"
        case AttributeType.BOOLEAN:
            return "1" if value else "0"
        case AttributeType.TIME:
            return str(value)


def tag_partition(tag: str, year: str) -> str:
    """Where people of one year with this tag are found."""
    return f"tag#{tag}#{year}"


def attribute_partition(name: str, year: str) -> str:
    """Where people of one year with a value of this attribute are found."""
    return f"attribute#{name}#{year}"


def tag_posting(tag: str, year: str, person: str) -> tuple[str, str]:
    """The key that says that a person has a tag."""
    return tag_partition(tag, year), person


def attribute_posting(name: str, kind: AttributeType, value: Value, year: str, person: str) -> tuple[str, str]:
    """The key that says that a person has a value."""
    return attribute_partition(name, year), f"{encoded(kind, value)}#{person}"
