"""Refusing: how a request ends that does not get what it asked for; recorded or counted, and told."""

from misentinel import refusals
from misentinel.api.idempotency import Answer, Idempotency
from misentinel.api.problem import problem, refusal_of
from misentinel.api.request import Request
from misentinel.audit import Action, Outcome, Unit
from misentinel.errors import (
    Forbidden,
    OriginNotAllowed,
    OutcomeUnknown,
    Refusal,
    TooManyAttempts,
    TooManyRequests,
)
from misentinel.observability import error_name, frames, logger

UNKNOWN = Action("requests.unknown")
"""What a request is that no route takes."""

_FINAL = (Forbidden, OriginNotAllowed, OutcomeUnknown, TooManyRequests)
"""Refusals that an earlier answer to the same request does not go before."""


def refused(request: Request, unit: Unit, error: Exception) -> Answer:
    """Record a refusal and tell it; the same request's earlier answer goes before both."""
    refusal = refusal_of(error)
    if refusal.status >= 500:  # noqa: PLR2004 - HTTP's class of our own errors
        logger.error("request failed", error=error_name(error), frames=frames(error.__traceback__))
    elif not isinstance(error, Refusal):
        logger.error("request refused", error=error_name(error), frames=[])
    try:
        kept = None if isinstance(error, _FINAL) else kept_answer(request, unit)
        if kept is not None:
            unit.conclude("replayed", Outcome.SUCCESS)
            return kept
    except Refusal as reused:
        refusal = reused
    except Exception as failure:  # noqa: BLE001 - the store that holds the answer fails: say so
        refusal = refusal_of(failure)
    try:
        if isinstance(refusal, TooManyRequests):
            refusals.FLOOD.count(unit.happening.address_hash, unit.happening.action.name, refusal.code)
        elif unit.tenant and not isinstance(refusal, TooManyAttempts):
            unit.refuse(refusal.code)
        else:
            refusals.count(unit.happening.address_hash, unit.happening.action.name, refusal.code)
    except Exception as failure:  # noqa: BLE001 - no record, no answer
        logger.error("a refusal could not be recorded", error=error_name(failure))
        if not isinstance(refusal, OutcomeUnknown):  # of which nobody may say that nothing was changed
            refusal = refusal_of(failure)
    return problem(refusal, request.request_id)


def kept_answer(request: Request, unit: Unit) -> Answer | None:
    """What the same request was answered before, by its Idempotency-Key; nothing if it never was.

    Raises
    ------
    IdempotencyKeyReused
        The key came before with another request.
    """
    if request.method != "POST" or not unit.tenant or not request.headers.get("idempotency-key"):
        return None
    if request.caller is None and unit.happening.action == UNKNOWN:
        return None
    answer = Idempotency(request, unit.tenant).find()
    if answer is None:
        return None
    return Answer(answer.status, {**answer.headers, "Idempotency-Replayed": "true"}, answer.body)
