"""Queues that were made on another port: their address, which functions were told, stays theirs."""

from __future__ import annotations

from ministack.core.responses import get_account_id, get_region
from ministack.services import sqs


def keep_their_address() -> None:
    """Find a queue under the address that it was made with, whatever the port is now."""
    address_of = sqs._queue_url_for_account

    def known_address(account: str, name: str) -> str:
        known: str | None = sqs._queue_name_to_url.get_scoped(account, get_region(), name)
        return known or str(address_of(account, name))

    sqs._queue_url_for_account = known_address
    sqs._queue_url = lambda name: known_address(get_account_id(), name)
