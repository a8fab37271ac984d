"""What a sign-up asks and answers, and which slugs are nobody's to take."""

from pydantic import Field

from misentinel.errors import Invalid
from misentinel.schema import Body, Email, Moment, Name, Resource, Slug
from misentinel.signin.model import Password
from misentinel.tenancy import Tenant
from misentinel.tenancy.registry import STEPS

RESERVED = frozenset(
    {
        "about",
        "abuse",
        "account",
        "accounts",
        "admin",
        "administrator",
        "api",
        "app",
        "archive",
        "audit",
        "auth",
        "billing",
        "blog",
        "cdn",
        "console",
        "dashboard",
        "dev",
        "docs",
        "email",
        "ftp",
        "help",
        "hostmaster",
        "info",
        "internal",
        "login",
        "mail",
        "misentinel",
        "noreply",
        "official",
        "owner",
        "platform",
        "postmaster",
        "privacy",
        "production",
        "register",
        "root",
        "sales",
        "security",
        "sentinel",
        "sign-in",
        "sign-up",
        "signin",
        "signup",
        "smtp",
        "staff",
        "staging",
        "static",
        "status",
        "support",
        "system",
        "team",
        "webmaster",
        "www",
    }
)
"""Names that would pass for the vendor's own, or for a host that mail and browsers know (RFC 2142)."""

_LOOKALIKES = str.maketrans({"0": "o", "1": "l", "i": "l", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "-": ""})


class SignUp(Body):
    """A new workspace and its first owner."""

    slug: Slug
    name: Name
    email: Email
    password: Password


class Step(Resource):
    """A step of provisioning: ``pending`` or ``done``."""

    name: str = Field(description="What is made.", examples=["tables"])
    status: str = Field(description="`pending` or `done`.", examples=["done"])


class Workspace(Resource):
    """A workspace and how far it is; nothing personal, for whoever holds its id."""

    id: str = Field(description="The workspace's id.", examples=["h4rbourc0ffee234"])
    slug: str = Field(description="What it is called in addresses.", examples=["harbour"])
    name: str = Field(description="Its name.", examples=["Harbour Coffee"])
    status: str = Field(description="`provisioning`, `active` or `failed`.", examples=["active"])
    steps: list[Step] = Field(description="What making it takes, and how far that is.")
    created_at: Moment = Field(description="When it was signed up.")

    @classmethod
    def of(cls, tenant: Tenant) -> "Workspace":
        """A row of the registry as clients see it."""
        return cls(
            id=tenant.id,
            slug=tenant.slug,
            name=tenant.name,
            status=tenant.status.value,
            steps=[Step(name=name, status=tenant.steps.get(name, "pending")) for name in STEPS],
            created_at=tenant.created_at,
        )


def look(slug: str) -> str:
    """What a slug looks like at a glance: the same for slugs that a hurried reader mixes up."""
    return slug.translate(_LOOKALIKES).replace("rn", "m").replace("vv", "w")


_RESERVED_LOOKS = frozenset(look(name) for name in RESERVED)


def require_free_for_all(slug: str) -> None:
    """Refuse slugs that are reserved or look like it, and internationalised ones (``xn--``, RFC 5891).

    Raises
    ------
    Invalid
        Choose another slug.
    """
    if look(slug) in _RESERVED_LOOKS:
        raise Invalid(errors=[{"field": "slug", "message": "is reserved, or looks like a reserved name"}])
    if "--" in slug:
        raise Invalid(errors=[{"field": "slug", "message": "must not have two hyphens in a row"}])
