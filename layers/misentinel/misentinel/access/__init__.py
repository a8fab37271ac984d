"""Access: who is calling, and what they may do."""

from misentinel.access.model import PUBLIC, Caller, Permission, Public, Role, permissions_of
from misentinel.access.store import Member, Session, find_caller, find_member
from misentinel.access.tokens import Claims, verify_token

__all__ = [
    "PUBLIC",
    "Caller",
    "Claims",
    "Member",
    "Permission",
    "Public",
    "Role",
    "Session",
    "find_caller",
    "find_member",
    "permissions_of",
    "verify_token",
]
