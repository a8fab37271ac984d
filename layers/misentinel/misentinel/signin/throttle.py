"""What one network address may do before it has to wait, over all workspaces."""

from misentinel.signin.limits import Limit
from misentinel.signin.store import Secrets
from misentinel.tenancy import PLATFORM, address_hash


def spend_address(address: str, limit: Limit) -> None:
    """Count an attempt from an address, which is kept as a keyed hash only, and not for long.

    Raises
    ------
    TooManyAttempts
        The limit is reached.
    Unavailable
        The attempt could not be counted, so it is not let through.
    """
    Secrets(PLATFORM).spend_attempt(f"address#{address_hash(address)}", limit)
