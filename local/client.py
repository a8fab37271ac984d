"""A client of MiSentinel's public API: what a customer's own program would do, second factor included."""

from __future__ import annotations

import json as jsonlib
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pyotp
import urllib3

_STEP_SECONDS = 30
_RENEW_SECONDS = 30


class RefusedError(Exception):
    """The API answered otherwise than a client that follows its documentation expects."""

    def __init__(self, doing: str, answer: Answer) -> None:
        super().__init__(f"{doing}: {answer.status} {answer.text[:500]}")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response; header names in lower case."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body, which must be JSON."""
        return jsonlib.loads(self.text)


_pool = urllib3.PoolManager(maxsize=64, retries=False, timeout=urllib3.Timeout(connect=5, read=60))


def call(
    api: str,
    method: str,
    path: str,
    *,
    json: object = None,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """One request; `json` is the body to send as JSON, `body` one to send as it is.

    Raises
    ------
    urllib3.exceptions.HTTPError
        No answer came.
    """
    sent = {"Accept": "application/json", **(headers or {})}
    if json is not None:
        body = jsonlib.dumps(json).encode()
        sent.setdefault("Content-Type", "application/json")
    got = _pool.request(method, f"{api}{path}", body=body, headers=sent, redirect=False)
    return Answer(got.status, {name.lower(): value for name, value in got.headers.items()}, got.data.decode())


@dataclass(slots=True)
class Codes:
    """One account's TOTP codes (RFC 6238): each step's is given out once, as the API accepts it once.

    Not for several threads at once.
    """

    secret: str
    last_step: int = 0

    def next(self, *, earliest: int = 0) -> str:
        """The code of the next step not yet given out; waits when the clock has not come near it.

        Parameters
        ----------
        earliest
            Steps before (or after) the present one to begin at. The API takes one step of either side.
        """
        step = max(self.last_step + 1, int(time.time()) // _STEP_SECONDS + earliest)
        # A step ahead of the clock by one is accepted, by two it is not.
        while step > int(time.time()) // _STEP_SECONDS + 1:
            time.sleep(0.2)
        self.last_step = step
        return pyotp.TOTP(self.secret).at(step * _STEP_SECONDS)


@dataclass(slots=True)
class Client:
    """A member's program: signs in when it must, refreshes its token before it ends.

    `totp_secret` is empty before the first sign-in, which enrols the second factor.
    """

    api: str
    workspace: str
    email: str
    password: str
    totp_secret: str = ""
    tenant: str = ""
    tokens: dict[str, Any] = field(default_factory=dict)
    codes: Codes | None = None
    _renew_at: float = 0.0

    def sign_in(self, *, earliest: int = 0) -> Client:
        """Sign in with password and code, enrolling the second factor when the API asks for it.

        Raises
        ------
        RefusedError
            Either step was refused.
        """
        credentials = {"workspace": self.workspace, "email": self.email, "password": self.password}
        first = call(self.api, "POST", "/v1/sessions", json=credentials)
        if first.status != HTTPStatus.OK:
            raise RefusedError("signing in", first)
        if first.json["enrolment"]:
            self.totp_secret = first.json["enrolment"]["secret"]
        if self.codes is None or self.codes.secret != self.totp_secret:
            self.codes = Codes(self.totp_secret)
        proof = {"challenge": first.json["challenge"], "code": self.codes.next(earliest=earliest)}
        self._keep("verifying the code", call(self.api, "POST", "/v1/sessions/verify", json=proof), HTTPStatus.CREATED)
        return self

    def refresh(self) -> None:
        """Exchange the refresh token for new tokens.

        Raises
        ------
        RefusedError
            The session has ended.
        """
        body = {"refresh_token": self.tokens["refresh_token"]}
        self._keep("refreshing", call(self.api, "POST", "/v1/sessions/refresh", json=body), HTTPStatus.OK)

    def _keep(self, doing: str, answer: Answer, expected: int) -> None:
        if answer.status != expected:
            raise RefusedError(doing, answer)
        self.tokens = answer.json
        self._renew_at = time.monotonic() + self.tokens["expires_in"] - _RENEW_SECONDS

    def request(
        self,
        method: str,
        path: str,
        json: object = None,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """One request as this member; any answer is returned, refusals too."""
        if not self.tokens:
            self.sign_in()
        elif time.monotonic() > self._renew_at:
            self.refresh()
        sent = {"Authorization": f"Bearer {self.tokens['access_token']}", **(headers or {})}
        return call(self.api, method, path, json=json, body=body, headers=sent)

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        """GET `path`."""
        return self.request("GET", path, headers=headers)

    def post(self, path: str, json: object, headers: dict[str, str] | None = None) -> Answer:
        """POST `json` to `path`."""
        return self.request("POST", path, json=json, headers=headers)

    def patch(self, path: str, json: object, headers: dict[str, str] | None = None) -> Answer:
        """PATCH `path` with `json`."""
        return self.request("PATCH", path, json=json, headers=headers)

    def delete(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        """DELETE `path`."""
        return self.request("DELETE", path, headers=headers)


def sign_up(api: str, slug: str, name: str, email: str, password: str, *, seconds: float = 120) -> Client:
    """Create a workspace and wait until it is active; its owner has not signed in yet.

    Raises
    ------
    RefusedError
        The sign-up was refused, or the workspace is not active after `seconds`.
    """
    wanted = {"slug": slug, "name": name, "email": email, "password": password}
    answer = call(api, "POST", "/v1/workspaces", json=wanted)
    if answer.status != HTTPStatus.ACCEPTED:
        raise RefusedError(f"signing up {slug}", answer)
    workspace = answer.json["id"]
    deadline = time.monotonic() + seconds
    while True:
        answer = call(api, "GET", f"/v1/workspaces/{workspace}")
        status = answer.json["status"] if answer.status == HTTPStatus.OK else ""
        if status == "active":
            return Client(api, slug, email, password, tenant=workspace)
        if status == "failed" or time.monotonic() > deadline:
            raise RefusedError(f"waiting for {slug} to become active", answer)
        time.sleep(0.5)
