"""Permissions, the built-in roles, and the caller of a request."""

from dataclasses import dataclass
from enum import StrEnum


class Public:
    """What a route declares that needs nobody to be signed in."""

    def __repr__(self) -> str:
        return "PUBLIC"


PUBLIC = Public()


class Permission(StrEnum):
    """What a member may do. A route declares one, or `PUBLIC`.

    ``people:contact`` shows who people are (e-mail, phone, name, external id, personal attributes); without it a
    member sees the rest of them.
    """

    SESSIONS_OWN = "sessions:own"
    SETTINGS_READ = "settings:read"
    SETTINGS_WRITE = "settings:write"
    BILLING_READ = "billing:read"
    BILLING_WRITE = "billing:write"
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    PEOPLE_READ = "people:read"
    PEOPLE_WRITE = "people:write"
    PEOPLE_CONTACT = "people:contact"
    PEOPLE_IMPORT = "people:import"
    PEOPLE_EXPORT = "people:export"
    MESSAGES_READ = "messages:read"
    MESSAGES_WRITE = "messages:write"
    MESSAGES_SEND = "messages:send"
    AUTOMATIONS_READ = "automations:read"
    AUTOMATIONS_WRITE = "automations:write"
    AUDIT_READ = "audit:read"
    AUDIT_EXPORT = "audit:export"
    INCIDENTS_READ = "incidents:read"
    INCIDENTS_WRITE = "incidents:write"


class Role(StrEnum):
    """The built-in roles of a workspace."""

    OWNER = "owner"
    ADMIN = "admin"
    BILLING = "billing"
    MARKETER = "marketer"
    SUPPORT = "support"
    ANALYST = "analyst"
    AUDITOR = "auditor"
    SECURITY = "security"


_P = Permission
_EVERYBODY = frozenset({_P.SESSIONS_OWN})
_MESSAGING = frozenset(
    {
        _P.PEOPLE_READ,
        _P.PEOPLE_WRITE,
        _P.PEOPLE_CONTACT,
        _P.MESSAGES_READ,
        _P.MESSAGES_WRITE,
        _P.MESSAGES_SEND,
        _P.AUTOMATIONS_READ,
    }
)
_TRANSFER = frozenset({_P.PEOPLE_IMPORT, _P.PEOPLE_EXPORT})
_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(Permission) - {_P.BILLING_WRITE},
    Role.BILLING: _EVERYBODY | {_P.BILLING_READ, _P.BILLING_WRITE, _P.SETTINGS_READ},
    Role.MARKETER: _EVERYBODY | _MESSAGING | _TRANSFER | {_P.AUTOMATIONS_WRITE, _P.SETTINGS_READ},
    Role.SUPPORT: _EVERYBODY | _MESSAGING,
    Role.ANALYST: _EVERYBODY | {_P.PEOPLE_READ, _P.PEOPLE_EXPORT, _P.MESSAGES_READ, _P.AUTOMATIONS_READ},
    Role.AUDITOR: _EVERYBODY | {_P.AUDIT_READ, _P.AUDIT_EXPORT, _P.MEMBERS_READ, _P.SETTINGS_READ, _P.INCIDENTS_READ},
    Role.SECURITY: _EVERYBODY
    | {
        _P.AUDIT_READ,
        _P.AUDIT_EXPORT,
        _P.MEMBERS_READ,
        _P.MEMBERS_WRITE,
        _P.SETTINGS_READ,
        _P.INCIDENTS_READ,
        _P.INCIDENTS_WRITE,
    },
}


def permissions_of(role: Role) -> frozenset[Permission]:
    """What a role may do."""
    return _PERMISSIONS[role]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling: a member of a tenant, in a session, with the permissions of this moment."""

    tenant: str
    member: str
    session: str
    role: Role
    permissions: frozenset[Permission]
    is_mfa: bool = True

    def may(self, permission: Permission) -> bool:
        """Whether the caller has a permission."""
        return permission in self.permissions
