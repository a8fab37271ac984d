"""Conditional requests (RFC 9110, section 13): entity tags that mean nothing outside their tenant."""

from misentinel.api.request import current_request
from misentinel.errors import PreconditionFailed
from misentinel.tenancy import keyed_hash


def etag_of(tenant: str, uid: str, version: int) -> str:
    """The strong entity tag of one version of one thing of one tenant."""
    return f'"{keyed_hash("etag", f"{uid}/{version}", tenant)}"'


def if_match(tenant: str, uid: str, version: int) -> bool:
    """Whether the client asked for exactly this version; ``False`` if it did not ask.

    Raises
    ------
    PreconditionFailed
        It asked for another one.
    """
    wanted = current_request().headers.get("if-match", "").strip()
    if not wanted:
        return False
    tags = {tag.strip() for tag in wanted.split(",")}
    if "*" in tags or etag_of(tenant, uid, version) in tags:
        return True
    raise PreconditionFailed
