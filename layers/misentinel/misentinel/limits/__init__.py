"""Limits: how many requests a workspace may make in a minute, however many environments answer them."""

from misentinel.limits.model import Standing
from misentinel.limits.shares import take

__all__ = ["Standing", "take"]
