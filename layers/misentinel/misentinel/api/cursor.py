"""Cursors: where a listing goes on, sealed so that only the same tenant and query can open them."""

import base64
import binascii
import json
import secrets
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from misentinel.errors import Invalid
from misentinel.tenancy import derive_key

_NONCE = 12
MAX_CURSOR = 2048
"""Characters of a cursor at most."""


class Cursor:
    """Seals and opens the cursors of one query of one tenant, by AES-256-GCM under the tenant's own key.

    Parameters
    ----------
    tenant
        Whose listing it is.
    query
        What identifies the listing: its route and all its filters, in a fixed order.
    """

    def __init__(self, tenant: str, query: str) -> None:
        self._cipher = AESGCM(derive_key("cursor", tenant))
        self._query = query.encode()

    def seal(self, place: dict[str, Any] | None) -> str | None:
        """The text a client gets for a place, or ``None`` at the end."""
        if place is None:
            return None
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._cipher.encrypt(nonce, json.dumps(place, separators=(",", ":")).encode(), self._query)
        return base64.urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode()

    def open(self, text: str | None) -> dict[str, Any] | None:
        """The place that a client's cursor names, or ``None`` at the start.

        Raises
        ------
        Invalid
            Not a cursor of this tenant and query.
        """
        if text is None:
            return None
        try:
            raw = base64.urlsafe_b64decode(text[:MAX_CURSOR] + "=" * (-len(text) % 4))
            place: dict[str, Any] = json.loads(self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], self._query))
        except (InvalidTag, binascii.Error, ValueError):
            raise Invalid(
                errors=[{"field": "cursor", "message": "not a cursor of this listing; start without one"}],
            ) from None
        return place
