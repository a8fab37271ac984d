"""Forgetting a removed member's login, once the removal is on record.

Who removes members may not reach secrets, and who may reach them does not remove members: so the removal
leaves a change item, found by its record's uid, and whoever hears of the record does the rest.
"""

from misentinel.audit import Actor, unit_of_work
from misentinel.members.store import Departure, find_departure
from misentinel.signin.accounts import close_login
from misentinel.tenancy import acting_as


def forget(tenant: str, record: str) -> None:
    """Delete the password hash and the seed of whom this record removed; again changes nothing."""
    with acting_as(tenant):
        departure = find_departure(tenant, record)
    if departure is None:
        return
    close_login(tenant, key=departure.login, member=departure.member)
    with unit_of_work(tenant, "members.forget", actor=Actor(app="provisioner")) as work:
        work.touch("member", departure.member, ("login",))
        work.delete(departure, condition=Departure.pk.exists())
