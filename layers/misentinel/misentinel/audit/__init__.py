"""Audit: every action leaves a record, in the transaction that does it."""

from misentinel.audit.current import unit, unit_of_work, working
from misentinel.audit.inbox import InboxItem
from misentinel.audit.model import Action, Actor, EventClass, Happening, Outcome, canonical, record
from misentinel.audit.unit import JOB_WRITES, Unit

__all__ = [
    "JOB_WRITES",
    "Action",
    "Actor",
    "EventClass",
    "Happening",
    "InboxItem",
    "Outcome",
    "Unit",
    "canonical",
    "record",
    "unit",
    "unit_of_work",
    "working",
]
