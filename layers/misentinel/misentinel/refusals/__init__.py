"""Refusals before anybody is known: counted per address and minute, recorded once with the count."""

from misentinel.refusals.model import Refused
from misentinel.refusals.sender import count

__all__ = ["Refused", "count"]
