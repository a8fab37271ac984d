"""E-mail addresses as accounts: one form to compare, and the keyed hash by which a login is found."""

import unicodedata

from misentinel.tenancy import keyed_hash


def normalised(email: str) -> str:
    """The form under which an address is stored and compared: NFKC, trimmed, lower case.

    RFC 5321 lets a host tell ``A@x`` from ``a@x``; people do not.
    """
    return unicodedata.normalize("NFKC", email).strip().lower()


def login_key(email: str, tenant: str) -> str:
    """The keyed hash of an address: finds a workspace's login, and says nothing to anybody else."""
    return keyed_hash("login", normalised(email), tenant)


def stray_key(workspace: str, email: str) -> str:
    """Where guesses at accounts of unknown workspaces are counted, so that they cost the same work."""
    return keyed_hash("stray-login", f"{workspace}\n{normalised(email)}")
