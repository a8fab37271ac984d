"""Settings: what a workspace decides for itself."""

from typing import Annotated

from misentinel.access import Permission
from misentinel.api import Api, Depends
from misentinel.workspaces.settings import OwnSettings, SettingsChange, SettingsView, own_settings

api = Api()
Store = Annotated[OwnSettings, Depends(own_settings)]


@api.get("/v1/settings", needs=Permission.SETTINGS_READ, action="settings.read")
def read_settings(settings: Store) -> SettingsView:
    """The workspace's settings."""
    return settings.read()


@api.patch("/v1/settings", needs=Permission.SETTINGS_WRITE, action="settings.update")
def change_settings(change: SettingsChange, settings: Store) -> SettingsView:
    """Change settings; those not sent stay. It holds everywhere within a minute."""
    return settings.change(change)


handler = api.handler
