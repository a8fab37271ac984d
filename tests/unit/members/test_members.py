"""Members: who joins, what each may do, who leaves, and that an owner always stays."""

import json
from datetime import timedelta
from typing import Any

import ocsf
import pytest
from doors import door
from front_door import EVENTS, PASSWORD, FrontDoor, Person, at_once
from house import LambdaContext, Reply

from misentinel import clock
from misentinel.access import Role
from misentinel.access.sessions import Household, regrant_sessions
from misentinel.tenancy import Suffix, aws, table_name


@pytest.fixture
def owner(front: FrontDoor) -> Person:
    return front.sign_in(front.workspace())


def change(front: FrontDoor, by: Person, whom: str, role: str, **more: object) -> Reply:
    return front.knock("members", "PATCH", f"/v1/members/{whom}", token=by.access, body={"role": role}, **more)


def remove(front: FrontDoor, by: Person, whom: str) -> Reply:
    return front.knock("members", "DELETE", f"/v1/members/{whom}", token=by.access)


def read(front: FrontDoor, by: Person, whom: str) -> Reply:
    return front.knock("members", "GET", f"/v1/members/{whom}", token=by.access)


def everything_kept(front: FrontDoor, who: Person, *suffixes: Suffix) -> str:
    dynamodb = front.home.aws("dynamodb")
    return repr([dynamodb.scan(TableName=table_name(who.tenant, suffix))["Items"] for suffix in suffixes])


def test_an_invited_member_accepts_and_signs_in(front: FrontDoor, owner: Person) -> None:
    invited = front.invite(owner, "Jo@Acme.example", "support")
    assert invited.status == 201
    assert invited.json["member"]["status"] == "invited"
    assert invited.json["member"]["email"] == "jo@acme.example"
    assert invited.headers["Location"] == f"/v1/members/{invited.json['member']['id']}"
    jo = Person("acme", "jo@acme.example", PASSWORD, tenant=owner.tenant)
    assert front.begin(jo).status == 401
    assert front.accept("acme", invited.json["invitation"]).status == 200
    front.sign_in(jo)
    assert jo.member == invited.json["member"]["id"]
    assert read(front, owner, jo.member).json["status"] == "active"


def test_an_invitation_works_once(front: FrontDoor, owner: Person) -> None:
    token = front.invite(owner, "jo@acme.example", "support").json["invitation"]
    assert front.accept("acme", token).status == 200
    assert front.accept("acme", token, "another one entirely 7").status == 404
    front.sign_in(Person("acme", "jo@acme.example", PASSWORD, tenant=owner.tenant))


def test_of_parallel_acceptances_one_sets_the_password(front: FrontDoor, owner: Person) -> None:
    token = front.invite(owner, "jo@acme.example", "support").json["invitation"]
    passwords = [f"umbrella cactus violin {n}" for n in range(8)]
    replies = at_once(8, lambda n: front.accept("acme", token, passwords[n]))
    won = [n for n, reply in enumerate(replies) if reply.status == 200]
    assert len(won) == 1
    front.sign_in(Person("acme", "jo@acme.example", passwords[won[0]], tenant=owner.tenant))


def test_an_acceptance_that_did_not_commit_can_be_sent_again(front: FrontDoor, owner: Person) -> None:
    token = front.invite(owner, "jo@acme.example", "support").json["invitation"]
    lost = [True]

    def lose(**_: object) -> tuple[object, dict[str, object]] | None:
        if not lost:
            return None
        lost.clear()
        return type("Http", (), {"status_code": 400}), {"Error": {"Code": "AccessDeniedException"}}

    aws("dynamodb").meta.events.register("before-call.dynamodb.TransactWriteItems", lose)
    assert front.accept("acme", token).status == 503
    assert front.begin(Person("acme", "jo@acme.example", PASSWORD)).status == 200
    assert front.accept("acme", token, "another one entirely 7").status == 409
    assert front.accept("acme", token).status == 200
    front.sign_in(Person("acme", "jo@acme.example", PASSWORD, tenant=owner.tenant))


def test_an_invitation_is_over_after_seven_days_and_another_can_be_had(front: FrontDoor, owner: Person) -> None:
    with clock.at(clock.now() + timedelta(hours=1)) as time:
        front.sign_in(owner)
        invited = front.invite(owner, "jo@acme.example", "support").json
        time.tick(7 * 86_400)
        assert front.accept("acme", invited["invitation"]).status == 404
        front.sign_in(owner)
        again = front.knock("members", "POST", f"/v1/members/{invited['member']['id']}/invitation", token=owner.access)
        assert again.status == 201
        assert front.accept("acme", again.json["invitation"]).status == 200


def test_a_new_invitation_makes_the_one_before_worthless(front: FrontDoor, owner: Person) -> None:
    invited = front.invite(owner, "jo@acme.example", "support").json
    path = f"/v1/members/{invited['member']['id']}/invitation"
    again = front.knock("members", "POST", path, token=owner.access).json
    assert front.accept("acme", invited["invitation"]).status == 404
    assert front.accept("acme", again["invitation"]).status == 200
    assert front.knock("members", "POST", path, token=owner.access).status == 409


def test_an_invitation_is_worth_nothing_elsewhere(front: FrontDoor, owner: Person) -> None:
    front.workspace("other", "owner@other.example")
    token = front.invite(owner, "jo@acme.example", "support").json["invitation"]
    for workspace in ("other", "nowhere"):
        assert front.accept(workspace, token).status == 404
    assert front.accept("acme", "made up").status == 404
    assert front.accept("acme", token, "password1234").status == 422


def test_an_invitation_is_not_kept_in_clear(front: FrontDoor, owner: Person) -> None:
    body, key = {"email": "jo@acme.example", "role": "support"}, {"Idempotency-Key": "once"}
    first = front.knock("members", "POST", "/v1/members", token=owner.access, body=body, headers=key)
    again = front.knock("members", "POST", "/v1/members", token=owner.access, body=body, headers=key)
    assert again.json["member"] == first.json["member"]
    assert "invitation" not in again.json
    assert first.json["invitation"] not in everything_kept(front, owner, *Suffix)


def test_an_address_belongs_to_one_member(front: FrontDoor, owner: Person) -> None:
    assert front.invite(owner, "jo@acme.example", "support").status == 201
    assert front.invite(owner, "JO@ACME.EXAMPLE", "support").status == 409
    assert front.invite(owner, owner.email, "support").status == 409


def test_members_are_listed_page_by_page(front: FrontDoor, owner: Person) -> None:
    for n in range(5):
        front.invite(owner, f"m{n}@acme.example", "analyst")
    seen, cursor = [], None
    while True:
        query = {"limit": ["2"]} | ({"cursor": [cursor]} if cursor else {})
        page = front.knock("members", "GET", "/v1/members", token=owner.access, query=query)
        seen += [member["email"] for member in page.json["items"]]
        cursor = page.json["next_cursor"]
        if cursor is None:
            break
    assert seen == [owner.email, *(f"m{n}@acme.example" for n in range(5))]


def test_a_new_role_holds_in_all_sessions_with_the_next_request(front: FrontDoor, owner: Person) -> None:
    auditor = front.member(owner, "auditor")
    assert front.knock("members", "GET", "/v1/members", token=auditor.access).status == 200
    changed = change(front, owner, auditor.member, "marketer")
    assert (changed.status, changed.json["role"]) == (200, "marketer")
    assert front.knock("members", "GET", "/v1/members", token=auditor.access).status == 403
    renewed = front.refresh(auditor.refresh).json["access_token"]
    assert front.knock("members", "GET", "/v1/members", token=renewed).status == 403


def test_a_change_costs_the_session_one_read_and_one_transaction(front: FrontDoor, owner: Person) -> None:
    auditor = front.member(owner, "auditor")
    with front.home.counted() as calls:
        change(front, owner, auditor.member, "marketer")
    assert calls == ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:TransactWriteItems"]
    with front.home.counted() as calls:
        read(front, owner, auditor.member)
    assert calls == ["dynamodb:GetItem", "dynamodb:GetItem", "dynamodb:PutItem"]


def test_a_change_for_another_version_is_refused(front: FrontDoor, owner: Person) -> None:
    auditor = front.member(owner, "auditor")
    tag = read(front, owner, auditor.member).headers["ETag"]
    assert change(front, owner, auditor.member, "marketer", headers={"If-Match": tag}).status == 200
    assert change(front, owner, auditor.member, "analyst", headers={"If-Match": tag}).status == 412


def test_a_session_that_opens_during_a_change_does_not_keep_the_old_role(
    front: FrontDoor,
    owner: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    auditor = front.member(owner, "auditor")

    def slowly(house: Household, role: Role) -> None:
        regrant_sessions(house, role)
        with clock.at(clock.now() + timedelta(seconds=60)):
            front.sign_in(auditor)

    monkeypatch.setattr("misentinel.members.service.regrant_sessions", slowly)
    assert change(front, owner, auditor.member, "marketer").status == 409
    monkeypatch.undo()
    assert change(front, owner, auditor.member, "marketer").status == 200
    with clock.at(clock.now() + timedelta(seconds=60)):
        assert front.knock("members", "GET", "/v1/members", token=auditor.access).status == 403


@pytest.mark.parametrize("role", [role for role in Role if role not in {Role.OWNER, Role.ADMIN}])
def test_nobody_gives_or_takes_more_than_they_have(front: FrontDoor, owner: Person, role: Role) -> None:
    security = front.member(owner, "security")
    allowed = front.invite(security, "x@acme.example", role.value).status
    assert allowed == (201 if role in {Role.AUDITOR, Role.SECURITY} else 403)
    assert change(front, security, security.member, "admin").status == 403
    assert change(front, security, owner.member, "auditor").status == 403
    assert remove(front, security, owner.member).status == 403


def test_only_owners_make_and_unmake_owners(front: FrontDoor, owner: Person) -> None:
    admin, support = front.member(owner, "admin"), front.member(owner, "support")
    assert change(front, admin, support.member, "owner").status == 403
    assert change(front, admin, owner.member, "admin").status == 403
    assert front.invite(admin, "x@acme.example", "owner").status == 403
    assert remove(front, admin, owner.member).status == 403
    assert front.knock("members", "DELETE", f"/v1/members/{owner.member}/sessions", token=admin.access).status == 403
    assert change(front, owner, support.member, "owner").status == 200


def test_the_last_owner_stays(front: FrontDoor, owner: Person) -> None:
    assert remove(front, owner, owner.member).status == 409
    assert change(front, owner, owner.member, "admin").status == 409
    front.invite(owner, "invited@acme.example", "owner")
    assert remove(front, owner, owner.member).status == 409
    second = front.member(owner, "owner", "second@acme.example")
    assert change(front, owner, owner.member, "admin").status == 200
    assert remove(front, second, second.member).status == 409


def test_of_owners_who_remove_one_another_at_once_one_stays(front: FrontDoor, owner: Person) -> None:
    owners = [owner, *(front.member(owner, "owner", f"o{n}@acme.example") for n in range(4))]

    def next_one(n: int) -> int:
        return remove(front, owners[n], owners[(n + 1) % len(owners)].member).status

    at_once(len(owners), next_one)
    at_once(len(owners), lambda n: remove(front, owners[n], owners[n].member).status)
    dynamodb = front.home.aws("dynamodb")
    items = dynamodb.scan(TableName=table_name(owner.tenant, Suffix.DATA))["Items"]
    active = [
        i for i in items if i["sk"]["S"] == "member" and i["role"]["S"] == "owner" and i["status"]["S"] == "active"
    ]
    (count,) = [i["active"]["N"] for i in items if i["sk"]["S"] == "owners"]
    assert len(active) == int(count) == 1


def test_a_removed_member_is_out_at_once_and_forgotten(front: FrontDoor, owner: Person) -> None:
    with clock.at(clock.now() + timedelta(hours=1)) as time:
        front.sign_in(owner)
        jo = front.member(owner, "support", "jo.bloggs@acme.example")
        time.tick(30)
        challenge = front.begin(jo).json["challenge"]
        assert remove(front, owner, jo.member).status == 204
        assert front.knock("sessions", "GET", "/v1/sessions", token=jo.access).status == 401
        assert front.refresh(jo.refresh).status == 401
        assert front.verify(challenge, jo.code()).status == 401
        assert front.begin(jo).status == 401
        gone = read(front, owner, jo.member)
        assert (gone.json["status"], gone.json["email"]) == ("removed", None)
        assert jo.member not in front.knock("members", "GET", "/v1/members", token=owner.access).text
        assert "jo.bloggs" not in everything_kept(front, owner, *Suffix)
        assert remove(front, owner, jo.member).status == 404
        assert change(front, owner, jo.member, "admin").status == 404


def test_a_removed_members_address_is_free_again(front: FrontDoor, owner: Person) -> None:
    jo = front.member(owner, "support", "jo@acme.example")
    remove(front, owner, jo.member)
    again = front.member(owner, "analyst", "jo@acme.example")
    assert again.member != jo.member
    invited = front.invite(owner, "later@acme.example", "support").json
    assert remove(front, owner, invited["member"]["id"]).status == 204
    assert front.accept("acme", invited["invitation"]).status == 404


def removal_event(front: FrontDoor, tenant: str) -> dict[str, Any]:
    """What the bus says of the last removal."""
    event: dict[str, Any] = json.loads((EVENTS / "eventbridge-audit-record.json").read_text())
    removals = [each for each in front.home.records(tenant) if each["api"]["operation"] == "members.delete"]
    return {**event, "detail": {"record": removals[-1], "context": {}}}


def test_a_removed_members_login_is_forgotten(front: FrontDoor, owner: Person) -> None:
    jo = front.member(owner, "support")
    assert everything_kept(front, owner, Suffix.SECRETS).count("totp_seed") == 2
    remove(front, owner, jo.member)
    event = removal_event(front, owner.tenant)
    for _ in range(2):
        door("provisioner")(event, LambdaContext())
    kept = everything_kept(front, owner, Suffix.SECRETS)
    assert jo.member not in kept
    assert kept.count("totp_seed") == 1
    forgotten = [each for each in front.home.records(owner.tenant) if each["api"]["operation"] == "members.forget"]
    assert [each["resources"][0]["uid"] for each in forgotten] == [jo.member]
    assert "change#" not in everything_kept(front, owner, Suffix.DATA)


def test_a_late_forgetting_spares_who_has_the_address_now(front: FrontDoor, owner: Person) -> None:
    jo = front.member(owner, "support", "jo@acme.example")
    remove(front, owner, jo.member)
    event = removal_event(front, owner.tenant)
    again = front.member(owner, "support", "jo@acme.example")
    door("provisioner")(event, LambdaContext())
    with clock.at(clock.now() + timedelta(seconds=60)):
        front.sign_in(again)


def test_all_sessions_of_a_member_can_be_ended(front: FrontDoor, owner: Person) -> None:
    jo = front.member(owner, "support")
    assert front.knock("members", "DELETE", f"/v1/members/{jo.member}/sessions", token=owner.access).status == 204
    assert front.knock("sessions", "GET", "/v1/sessions", token=jo.access).status == 401


def test_members_of_another_workspace_are_not_there(front: FrontDoor, owner: Person) -> None:
    other = front.sign_in(front.workspace("other", "owner@other.example"))
    assert read(front, other, owner.member).status == 404
    assert change(front, other, owner.member, "support").status == 404
    assert remove(front, other, owner.member).status == 404


def test_every_record_is_valid_and_names_nobody(front: FrontDoor, owner: Person) -> None:
    jo = front.member(owner, "support", "marked@personal.example")
    change(front, owner, jo.member, "analyst")
    front.invite(owner, "marked@personal.example", "support")
    read(front, owner, "marked@personal.example")
    remove(front, owner, jo.member)
    records = front.home.records(owner.tenant)
    for record in records:
        ocsf.validate(record)
    assert "personal.example" not in repr(records)
    removal = records[-1]
    assert removal["api"]["operation"] == "members.delete"
    assert removal["resources"] == [{"type": "member", "uid": jo.member, "data": {"fields": ["email", "status"]}}]
