"""An environment's share of each workspace's quota: taken in parts, spent request by request."""

import threading
import time
from dataclasses import dataclass

from misentinel import clock
from misentinel.errors import TooManyRequests, Unavailable
from misentinel.limits import store
from misentinel.limits.model import Standing, Window, quota_of, share_of
from misentinel.tenancy import Registry

MAX_KEPT = 4096
"""Workspaces of which an environment remembers its share."""

ATTEMPTS = 12
"""How often a share is asked for when others ask at the same time: as each minute begins, all of them do."""

WAIT_SECONDS, LONGEST_WAIT = 0.01, 0.4
"""The first wait, which doubles, and the longest; with full jitter."""


@dataclass(slots=True)
class _Share:
    """What an environment holds of a window: ``mine`` to spend, and what nobody had taken when it last looked."""

    window: Window
    quota: int
    mine: int = 0
    free: int = 0


class Shares:
    """What one environment holds of every workspace's quota."""

    def __init__(self) -> None:
        self._held: dict[str, _Share] = {}
        self._lock = threading.Lock()

    def take(self, tenant: str) -> Standing:
        """Spend one request of a workspace's quota.

        Costs nothing while the environment has some of its share; a new share costs one read and one transaction.
        When the quota is used up, that is remembered until the window ends: a refusal costs nothing either.

        Raises
        ------
        TooManyRequests
            The quota is used up; its headers tell the standing.
        Unavailable
            No share could be taken, because others took theirs all the time.
        """
        with self._lock:
            now = clock.epoch()
            share = self._share(tenant, Window.at(now))
            if not share.mine and share.free:
                _refill(tenant, share)
            spent = min(share.mine, 1)
            share.mine -= spent
        standing = Standing(share.quota, share.free + share.mine, share.window.ends - now)
        if not spent:
            raise TooManyRequests(standing.resets_in, headers=standing.headers())
        return standing

    def forget(self) -> None:
        """Forget every share; what was taken stays taken."""
        with self._lock:
            self._held.clear()

    def _share(self, tenant: str, window: Window) -> _Share:
        known = self._held.get(tenant)
        if known is not None and known.window == window:
            return known
        if known is None and len(self._held) >= MAX_KEPT:
            self._held.clear()
        workspace = Registry().limits(tenant)
        quota = quota_of(workspace.plan, workspace.requests_a_minute)
        fresh = self._held[tenant] = _Share(window, quota, free=quota)
        return fresh


def _refill(tenant: str, share: _Share) -> None:
    """Take a share of what nobody has; leaves none when nothing is left."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(clock.jitter(min(WAIT_SECONDS * 2**attempt, LONGEST_WAIT)))
        taken = store.used(tenant, share.window)
        wanted = share_of(share.quota, taken)
        if not wanted:
            share.free = 0
            return
        if store.take(tenant, share.window, wanted, share.quota):
            share.mine = wanted
            share.free = max(share.quota - taken - wanted, 0)
            return
    raise Unavailable


ENVIRONMENT = Shares()
"""What this environment holds."""


def take(tenant: str) -> Standing:
    """Spend one request of a workspace's quota from what this environment holds: see `Shares.take`."""
    return ENVIRONMENT.take(tenant)
