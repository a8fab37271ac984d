"""A workspace's own settings, as its members read and change them."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from misentinel import clock
from misentinel.access.origins import MAX_ALLOWED, MAX_LENGTH, listed_form
from misentinel.access.settings import KEYS, WorkspaceSettings, forget, read_settings
from misentinel.api import etag_of, if_match
from misentinel.audit import unit
from misentinel.errors import Conflict, PreconditionFailed
from misentinel.schema import Body, Resource
from misentinel.tenancy import bind, current_tenant

Origin = Annotated[
    str,
    StringConstraints(max_length=MAX_LENGTH + 10),
    AfterValidator(listed_form),
    Field(
        description="The origin of a website: `https://` and a host, or `http://localhost` with a port.",
        examples=["https://app.example.com"],
    ),
]


class SettingsChange(Body):
    """What to change of the workspace's settings."""

    allowed_origins: list[Origin] = Field(
        max_length=MAX_ALLOWED,
        description="The websites whose pages may use the API for members of this workspace; it replaces the list.",
        examples=[["https://app.example.com", "http://localhost:3000"]],
    )


class SettingsView(Resource):
    """The workspace's settings."""

    allowed_origins: list[str] = Field(
        description="The websites whose pages may use the API for members of this workspace.",
        examples=[["https://app.example.com", "http://localhost:3000"]],
    )
    updated_at: str | None = Field(
        description="When they were last changed; null while they never were.",
        examples=["2026-11-23T13:30:00.000Z"],
    )


class OwnSettings:
    """The settings of one tenant."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant

    def read(self) -> SettingsView:
        """What is set: one consistent read."""
        return self._view(self._known())

    def change(self, change: SettingsChange) -> SettingsView:
        """Set what is sent. Environments that remember the list follow within a minute.

        Raises
        ------
        PreconditionFailed
            If-Match names another version, or another change came first.
        """
        known = self._known()
        asked = if_match(self._tenant, "settings", _version(known))
        fresh = bind(WorkspaceSettings, self._tenant)(
            *KEYS,
            allowed_origins=list(dict.fromkeys(change.allowed_origins)),
            updated_at=clock.rfc3339(clock.now()),
            version=_version(known) + 1,
        )
        unit().touch("settings", self._tenant, sorted(change.model_fields_set))
        unit().put(
            fresh,
            condition=WorkspaceSettings.version == known.version if known else WorkspaceSettings.pk.does_not_exist(),
            otherwise=PreconditionFailed() if asked else Conflict("Somebody changed them meanwhile; read them again."),
        )
        forget(self._tenant)
        return self._view(fresh)

    def _known(self) -> WorkspaceSettings | None:
        unit().touch("settings", self._tenant)
        return read_settings(self._tenant)

    def _view(self, item: WorkspaceSettings | None) -> SettingsView:
        view = SettingsView(
            allowed_origins=list(item.allowed_origins) if item else [],
            updated_at=item.updated_at if item else None,
        )
        view.tagged(etag_of(self._tenant, "settings", _version(item)))
        return view


def _version(item: WorkspaceSettings | None) -> int:
    return int(item.version) if item else 0


def own_settings() -> OwnSettings:
    """The settings of the tenant that is calling."""
    return OwnSettings(current_tenant())
