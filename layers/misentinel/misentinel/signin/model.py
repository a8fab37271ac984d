"""What sign-in is asked and what it answers."""

from typing import Annotated, Literal

from pydantic import Field

from misentinel.schema import Body, Identity, Moment, Resource

_CHALLENGE = "eyJ0ZW5hbnQiOiJoNHJiMHVyIn0.s5Yk2mQ0bN7xW4rT1zLs6c"
_REFRESH = "h4rb0ur.01935c8e.vJ8dYk2mQ0bN7xW4rT1zLs6cHp3aGf9e"
"""What examples show in place of secrets."""

Password = Annotated[
    str,
    Field(min_length=1, max_length=1024, description="A password.", examples=["umbrella cactus violin 9"]),
]
"""A password as it is tried; how strong a new one must be is `misentinel.signin.strength`'s to say."""


class FirstFactor(Body):
    """Which workspace, whose account, and its password."""

    workspace: str = Field(max_length=64, description="The workspace's slug.", examples=["harbour"])
    email: str = Field(max_length=320, description="The account's e-mail address.", examples=["ada@example.com"])
    password: Password


class Enrolment(Resource):
    """A new seed for an authenticator app: shown once, in use after its first right code."""

    otpauth_uri: str = Field(
        description="The seed as authenticator apps read it, from a QR code of it say.",
        examples=["otpauth://totp/MiSentinel:harbour?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=MiSentinel"],
    )
    secret: str = Field(description="The seed to type in, in base32.", examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])


class Started(Resource):
    """The first factor was right: the second one goes with this challenge."""

    challenge: str = Field(description="What the code is sent with.", examples=[_CHALLENGE])
    expires_in: int = Field(description="Seconds that the challenge lives.", examples=[300])
    enrolment: Enrolment | None = Field(description="The second factor to set up, until it is; then null.")


class SecondFactor(Body):
    """The challenge and the code that the authenticator app shows."""

    challenge: str = Field(max_length=2048, description="The challenge of the first factor.", examples=[_CHALLENGE])
    code: str = Field(
        pattern=r"^[0-9]{6}$", description="The code that the authenticator app shows.", examples=["492039"]
    )


class Renewal(Body):
    """The refresh token of a session."""

    refresh_token: str = Field(max_length=2048, description="The refresh token, once.", examples=[_REFRESH])


class Tokens(Resource):
    """A session's tokens: the access token for requests, the refresh token for the next pair, once."""

    access_token: str = Field(
        description="For `Authorization: Bearer`.", examples=["eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIwMTkzIn0.MEUCIQ"]
    )
    token_type: Literal["Bearer"] = Field(default="Bearer", description="How the access token is sent (RFC 6750).")
    expires_in: int = Field(description="Seconds that the access token lives.", examples=[600])
    refresh_token: str = Field(description="For the next pair of tokens, once.", examples=[_REFRESH])
    refresh_expires_in: int = Field(description="Seconds that the refresh token lives.", examples=[43200])
    session: Identity = Field(description="The session's id.")
    member: Identity = Field(description="The member's id.")


class SessionView(Resource):
    """One of the caller's own sessions."""

    id: Identity
    created_at: Moment = Field(description="When the member signed in.")
    last_used_at: Moment = Field(description="When its tokens were last renewed.")
    user_agent: str | None = Field(
        description="The program that signed in, as it named itself.", examples=["Mozilla/5.0 (X11; Linux x86_64)"]
    )
    is_current: bool = Field(description="Whether it is the session that asks.", examples=[True])
