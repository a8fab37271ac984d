"""Accounts as others see them: a member gets a login, and loses it. No hashing happens here."""

from misentinel.signin.email import login_key
from misentinel.signin.store import Secrets


def open_login(tenant: str, *, email: str, member: str, password_hash: str, proof: str) -> str | None:
    """Give a member a password, once for each proof (an invitation, a sign-up).

    Returns
    -------
    str or None
        The hash of the password that the same proof set before, which then stays; else ``None``.
    """
    before = Secrets(tenant).create_login(login_key(email, tenant), member, password_hash, proof)
    return before.password_hash if before else None


def close_login(tenant: str, *, key: str, member: str) -> None:
    """Forget a member's password hash and seed; doing it again changes nothing."""
    Secrets(tenant).delete_login(key, member)
