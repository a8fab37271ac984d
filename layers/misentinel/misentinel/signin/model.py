"""What sign-in is asked and what it answers."""

from typing import Annotated, Literal

from pydantic import Field

from misentinel.schema import Body, Resource

Password = Annotated[str, Field(min_length=1, max_length=1024)]
"""A password as it is tried; how strong a new one must be is `misentinel.signin.strength`'s to say."""


class FirstFactor(Body):
    """Which workspace, whose account, and its password."""

    workspace: str = Field(max_length=64)
    email: str = Field(max_length=320)
    password: Password


class Enrolment(Resource):
    """A new seed for an authenticator app: shown once, in use after its first right code."""

    otpauth_uri: str
    secret: str


class Started(Resource):
    """The first factor was right: the second one goes with this challenge."""

    challenge: str
    expires_in: int
    enrolment: Enrolment | None


class SecondFactor(Body):
    """The challenge and the code that the authenticator app shows."""

    challenge: str = Field(max_length=2048)
    code: str = Field(pattern=r"^[0-9]{6}$")


class Renewal(Body):
    """The refresh token of a session."""

    refresh_token: str = Field(max_length=2048)


class Tokens(Resource):
    """A session's tokens: the access token for requests, the refresh token for the next pair, once."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - RFC 6750's name of the scheme
    expires_in: int
    refresh_token: str
    refresh_expires_in: int
    session: str
    member: str


class SessionView(Resource):
    """One of the caller's own sessions."""

    id: str
    created_at: str
    last_used_at: str
    user_agent: str | None
    is_current: bool
