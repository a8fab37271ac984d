"""Signing in: the first factor, the second, and the sessions that come of both."""

import re
from datetime import datetime, timedelta
from typing import NoReturn

from pynamodb.exceptions import DoesNotExist

from misentinel import clock
from misentinel.access import Caller, Role, Session, permissions_of
from misentinel.access.sessions import Household, household, open_session
from misentinel.access.store import ACTIVE, member_key, session_key
from misentinel.access.tokens import LIFETIME
from misentinel.audit import Actor, unit, unit_of_work
from misentinel.errors import InvalidCredentials, NotFound, Unauthenticated
from misentinel.signin import passwords, totp
from misentinel.signin.email import login_key, normalised, stray_key
from misentinel.signin.limits import ADDRESS_GUESSES, CODE_GUESSES, PASSWORD_GUESSES
from misentinel.signin.model import Enrolment, FirstFactor, Renewal, SecondFactor, SessionView, Started, Tokens
from misentinel.signin.store import Login, Secrets
from misentinel.signin.throttle import spend_address
from misentinel.signin.tokens import CHALLENGE_LIFETIME, Challenge, RefreshToken, access_token, stamp_of
from misentinel.tenancy import PLATFORM, Registry, Status, acting_as, address_hash, bind

SESSION_LIFETIME = timedelta(days=30)
"""A session ends this long after it began, whatever happens."""

SESSION_IDLE = timedelta(days=14)
"""A session ends this long after its last refresh."""

MAX_USER_AGENT = 256

_SESSION_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def begin(asked: FirstFactor, address: str) -> Started:
    """Check the first factor.

    Whatever is wrong, workspace, e-mail or password, the work, the calls and the answer are the same.
    Both counters are spent before the password is looked at.

    Raises
    ------
    InvalidCredentials
        Something is wrong; it is not said what.
    TooManyAttempts
        The account or the address has had its guesses.
    Unavailable
        They could not be counted.
    """
    tenant = active_workspace(asked.workspace)
    unit().direct(tenant or PLATFORM)
    spend_address(address, ADDRESS_GUESSES)
    secrets = Secrets(tenant or PLATFORM)
    key = login_key(asked.email, tenant) if tenant else stray_key(asked.workspace, asked.email)
    login = secrets.spend_guess(key, PASSWORD_GUESSES)
    unit().actor = Actor(member=login.member)
    if not passwords.verify(login.password_hash, asked.password) or login.password_hash is None:
        raise InvalidCredentials
    if passwords.is_outdated(login.password_hash):
        login = secrets.replace_hash(login, passwords.hashed(asked.password))
    challenge = Challenge(
        tenant=secrets.tenant,
        login=key,
        member=login.member,
        stamp=stamp_of(login.password_hash or ""),
        expires_at=clock.epoch() + CHALLENGE_LIFETIME,
    )
    return Started(
        challenge=challenge.token(),
        expires_in=CHALLENGE_LIFETIME,
        enrolment=None if login.seed else _enrol(secrets, login, asked),
    )


def active_workspace(slug: str) -> str | None:
    """The tenant id behind a slug, or ``None`` while nobody can sign in there."""
    try:
        tenant = Registry().by_slug(slug)
    except NotFound:
        return None
    return tenant.id if tenant.status is Status.ACTIVE else None


def _enrol(secrets: Secrets, login: Login, asked: FirstFactor) -> Enrolment:
    """A new seed each time: the one that is promoted was shown to nobody but who brings its first code."""
    seed = totp.new_seed()
    secrets.set_pending_seed(login, secrets.seal(login.member, seed))
    uri = totp.otpauth_uri(seed, workspace=asked.workspace, email=normalised(asked.email))
    return Enrolment(otpauth_uri=uri, secret=seed)


def complete(asked: SecondFactor, address: str, user_agent: str) -> Tokens:
    """Check the second factor and open a session.

    Raises
    ------
    InvalidCredentials
        The challenge or the code is wrong, was used, or the member is no longer one.
    TooManyAttempts
        The account has had its guesses.
    """
    challenge = Challenge.read(asked.challenge)
    if challenge is None:
        raise InvalidCredentials
    unit().direct(challenge.tenant)
    unit().actor = Actor(member=challenge.member)
    secrets = Secrets(challenge.tenant)
    login = secrets.spend_guess(challenge.login, CODE_GUESSES)
    sealed = login.seed or login.pending_seed
    if login.password_hash is None or stamp_of(login.password_hash) != challenge.stamp or sealed is None:
        raise InvalidCredentials
    step = totp.matching_step(secrets.unseal(login.member, sealed), asked.code, clock.now())
    if step is None:
        raise InvalidCredentials
    secrets.claim_step(login, step)
    with acting_as(challenge.tenant):
        house = household(challenge.tenant, challenge.member)
    if house is None or house.member.status != ACTIVE:
        secrets.delete_login(login.key, login.member)
        raise InvalidCredentials
    return _open(house, challenge.tenant, address, user_agent)


def _open(house: Household, tenant: str, address: str, user_agent: str) -> Tokens:
    member, now = house.member, clock.now()
    fresh = RefreshToken.new(tenant, member.id, clock.uuid7())
    session = bind(Session, tenant)(
        member_key(member.id),
        session_key(fresh.session),
        id=fresh.session,
        member=member.id,
        role=member.role,
        permissions=sorted(permissions_of(Role(member.role))),
        refresh_hash=fresh.hash,
        created_at=clock.rfc3339(now),
        last_used_at=clock.rfc3339(now),
        address_hash=address_hash(address),
        user_agent=user_agent[:MAX_USER_AGENT] or None,
        expires_at=_expiry(now, now),
    )
    open_session(house, session)
    unit().actor = Actor(member=member.id, session=fresh.session, is_mfa=True)
    unit().touch("session", fresh.session)
    return _tokens(fresh, _expiry(now, now))


def _expiry(created: datetime, used: datetime) -> int:
    """When a session is over, in epoch seconds."""
    return int(min(created + SESSION_LIFETIME, used + SESSION_IDLE).timestamp())


def _tokens(fresh: RefreshToken, expires_at: int) -> Tokens:
    return Tokens(
        access_token=access_token(fresh.tenant, fresh.member, fresh.session),
        expires_in=LIFETIME,
        refresh_token=fresh.token(),
        refresh_expires_in=expires_at - clock.epoch(),
        session=fresh.session,
        member=fresh.member,
    )


def refresh(asked: Renewal) -> Tokens:
    """Rotate a session's refresh token; one that comes again ends the session (RFC 9700, section 4.14.2).

    Raises
    ------
    Unauthenticated
        Not a refresh token of ours, used before, or the session is over.
    """
    token = RefreshToken.read(asked.refresh_token)
    if token is None:
        raise Unauthenticated("This is not a refresh token; sign in again.")
    unit().direct(token.tenant)
    unit().actor = Actor(member=token.member, session=token.session, is_mfa=True)
    with acting_as(token.tenant):
        session = _find(token.tenant, token.member, token.session)
    if session is None or session.expires_at <= clock.epoch():
        raise Unauthenticated("This session is over; sign in again.")
    if session.refresh_hash != token.hash:
        _end_reused(session, token)
    now = clock.now()
    fresh = RefreshToken.new(token.tenant, token.member, token.session)
    expires_at = _expiry(datetime.fromisoformat(session.created_at), now)
    unit().update(
        session,
        [
            Session.refresh_hash.set(fresh.hash),
            Session.last_used_at.set(clock.rfc3339(now)),
            Session.expires_at.set(expires_at),
        ],
        condition=Session.refresh_hash == token.hash,
        otherwise=Unauthenticated("This refresh token was used already; sign in again."),
    )
    unit().touch("session", token.session)
    return _tokens(fresh, expires_at)


def _end_reused(session: Session, token: RefreshToken) -> NoReturn:
    """End a session whose refresh token came twice: one of the two who hold it stole it.

    The request fails and is recorded as such; ending the session is work of the system's own, with
    its own record.
    """
    with unit_of_work(token.tenant, "sessions.revoke", actor=Actor(app="sessions")) as work:
        work.delete(session)
        work.touch("session", token.session)
    raise Unauthenticated("This refresh token was used before, so its session was ended; sign in again.")


def _find(tenant: str, member: str, session: str) -> Session | None:
    found = bind(Session, tenant)
    try:
        item: Session = found.get(member_key(member), session_key(session), consistent_read=True)
    except DoesNotExist:
        return None
    return item


def own_sessions(caller: Caller) -> list[SessionView]:
    """The caller's sessions that are not over, the newest first."""
    house = household(caller.tenant, caller.member)
    unit().touch("member", caller.member)
    return [
        SessionView(
            id=session.id,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            user_agent=session.user_agent,
            is_current=session.id == caller.session,
        )
        for session in reversed(house.live if house else ())
    ]


def end_own(caller: Caller, session: str) -> None:
    """End one of the caller's sessions; ``current`` is the one that asks.

    Raises
    ------
    NotFound
        The caller has no such session.
    """
    uid = caller.session if session == "current" else session
    if not _SESSION_ID.fullmatch(uid):
        raise NotFound("session")
    item = bind(Session, caller.tenant)(member_key(caller.member), session_key(uid))
    unit().delete(item, condition=Session.pk.exists(), otherwise=NotFound("session"))
    unit().touch("session", uid)
