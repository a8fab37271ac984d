"""Refusals before anybody is known: counted per address and minute, recorded once with the count."""

from misentinel.refusals.model import Refused
from misentinel.refusals.sender import FLOOD, count

__all__ = ["FLOOD", "Refused", "count"]
