"""A member together with all sessions: one read, so that a change of the member reaches every session."""

from dataclasses import dataclass

from misentinel import clock
from misentinel.access.model import Role, permissions_of
from misentinel.access.store import ACTIVE, MEMBER, Member, Session, member_key
from misentinel.audit import unit
from misentinel.errors import Conflict, InvalidCredentials
from misentinel.tenancy import bind, connection

MAX_SESSIONS = 20
"""A member's sessions at most; one more ends the oldest."""


@dataclass(frozen=True, slots=True)
class Household:
    """A member and the sessions as they were read, oldest first."""

    member: Member
    sessions: tuple[Session, ...]

    @property
    def live(self) -> tuple[Session, ...]:
        """The sessions that are not over: the TTL deletes late."""
        return tuple(session for session in self.sessions if session.expires_at > clock.epoch())


def household(tenant: str, member: str) -> Household | None:
    """A member and all sessions, by one consistent Query of their partition; ``None`` if nobody is there."""
    members, sessions = bind(Member, tenant), bind(Session, tenant)
    answer = connection().query(members.Meta.table_name, member_key(member), consistent_read=True)
    items = {raw["sk"]["S"]: raw for raw in answer["Items"]}
    found = items.pop(MEMBER, None)
    if found is None:
        return None
    rest = sorted((sessions.from_raw_data(raw) for raw in items.values()), key=lambda each: each.created_at)
    return Household(members.from_raw_data(found), tuple(rest))


def open_session(house: Household, session: Session) -> None:
    """Add a session to the unit of work, on condition that the member is still what was read.

    It counts on the member's own item, so that a change of the member that did not see this session
    does not commit either.
    """
    member = house.member
    unit().update(
        member,
        [Member.sign_ins.add(1)],
        condition=(Member.version == member.version) & (Member.status == ACTIVE),
        otherwise=InvalidCredentials(),
    )
    unit().put(session, condition=Session.pk.does_not_exist())
    for oldest in house.sessions[: max(0, len(house.sessions) + 1 - MAX_SESSIONS)]:
        unit().delete(oldest)


def regrant_sessions(house: Household, role: Role) -> None:
    """Give all sessions of a member what a role may do, in the transaction that changes the member."""
    for session in house.sessions:
        unit().update(
            session,
            [Session.role.set(role.value), Session.permissions.set(sorted(permissions_of(role)))],
            condition=Session.pk.exists(),
            otherwise=Conflict("A session of this member ended meanwhile; send the request again."),
        )


def end_sessions(house: Household) -> None:
    """End all sessions of a member."""
    for session in house.sessions:
        unit().delete(session)
