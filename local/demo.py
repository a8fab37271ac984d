"""Two demo workspaces, created as a customer would: through the public API alone."""

from __future__ import annotations

import json
import os
import secrets
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from local.client import Client, Codes, RefusedError, sign_up
from local.place import SetUpError

if TYPE_CHECKING:
    from local.place import Place

_WORKSPACES = {"harbour": "Harbour Coffee", "meridian": "Meridian Cycles"}


def _create(api: str, slug: str, name: str) -> dict[str, str]:
    password = secrets.token_urlsafe(18)
    email = f"owner@{slug}.example"
    try:
        client = sign_up(api, slug, name, email, password)
    except RefusedError as refused:
        if refused.answer.status != HTTPStatus.CONFLICT:
            raise
        # Left by a run that was interrupted before it could write down the password.
        client = sign_up(api, f"{slug}-{secrets.token_hex(3)}", name, email, password)
    _enrol(client)
    return {
        "workspace": client.workspace,
        "email": client.email,
        "password": client.password,
        "totp_secret": client.totp_secret,
    }


def _enrol(client: Client) -> None:
    """Sign in once, with the code of the step before, so that the one now on the clock is the reader's."""
    client.sign_in(earliest=-1 if time.time() % 30 < 25 else 0)  # noqa: PLR2004 - near a step's end the one before is too old
    client.delete("/v1/sessions/current")


def _write(place: Place, content: dict[str, Any]) -> None:
    fresh = place.demo.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    fresh.replace(place.demo)


def read(place: Place) -> dict[str, Any]:
    """The demo workspaces as written; empty when there are none."""
    try:
        content: dict[str, Any] = json.loads(place.demo.read_text())
    except (OSError, ValueError):
        return {}
    return content


def ensure(place: Place, api: str) -> dict[str, Any]:
    """Create those demo workspaces that are not there yet.

    Raises
    ------
    SetUpError
        The API refused a step that it should have taken.
    """
    made = read(place).get("workspaces", [])
    for slug, name in list(_WORKSPACES.items())[len(made) :]:
        print(f"    {name} ({slug})", flush=True)
        try:
            made.append(_create(api, slug, name))
        except RefusedError as refused:
            message = f"The demo workspaces were not created: {refused}."
            raise SetUpError(message) from refused
        _write(place, {"api": api, "workspaces": made})
    content = {"api": api, "workspaces": made}
    if read(place) != content:
        _write(place, content)
    return content


def code(place: Place, workspace: str) -> str:
    """A code for this demo workspace's owner that was not given out before.

    Raises
    ------
    SetUpError
        There is no such demo workspace.
    """
    known = {each["workspace"]: each["totp_secret"] for each in read(place).get("workspaces", [])}
    if not workspace and known:
        workspace = next(iter(known))
    if workspace not in known:
        message = f"There is no demo workspace {workspace!r}: {place.demo} lists them."
        raise SetUpError(message)
    given = place.folder / "codes.json"
    steps: dict[str, int] = json.loads(given.read_text()) if given.exists() else {}
    codes = Codes(known[workspace], steps.get(workspace, 0))
    text = codes.next()
    given.write_text(json.dumps(steps | {workspace: codes.last_step}))
    return text
