"""Stores are bound to one tenant; credentials follow it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from house import House
from hypothesis import given
from hypothesis import strategies as st
from pynamodb.attributes import UnicodeAttribute

from misentinel import clock
from misentinel.errors import Conflict, NotFound
from misentinel.settings import WrongRegionError, settings
from misentinel.tenancy import (
    DataModel,
    OutsideTenantError,
    Registry,
    Status,
    Suffix,
    acting_as,
    as_function,
    aws,
    bind,
    current_tenant,
    is_tenant_id,
    new_tenant_id,
    table_name,
)


class Note(DataModel):
    text = UnicodeAttribute(null=True)


def test_outside_a_tenant_every_store_call_raises(home: House) -> None:
    tenant = home.tenant()
    with pytest.raises(OutsideTenantError):
        bind(Note, tenant).get("a", "b")
    with acting_as(tenant), as_function(), pytest.raises(OutsideTenantError):
        bind(Note, tenant)("a", "b").save()
    with pytest.raises(OutsideTenantError):
        current_tenant()


def test_a_tenant_cannot_use_the_model_of_another(home: House) -> None:
    one, other = home.tenant("one"), home.tenant("other")
    with acting_as(one):
        for use in (
            lambda: bind(Note, other).get("a", "b"),
            lambda: bind(Note, other)("a", "b").save(),
            lambda: list(bind(Note, other).query("a")),
            lambda: list(bind(Note, other).scan()),
            lambda: list(bind(Note, other).batch_get([("a", "b")])),
        ):
            with pytest.raises(OutsideTenantError):
                use()


def test_credentials_are_assumed_with_the_tenants_tag_and_kept_until_shortly_before_they_expire(home: House) -> None:
    tenant = home.tenant()
    with home.counted() as calls, acting_as(tenant):
        for _ in range(3):
            bind(Note, tenant)("a", "b").save()
    assert calls.count("sts:AssumeRole") == 1
    with home.counted() as calls, clock.at(datetime.now(UTC) + timedelta(minutes=56)), acting_as(tenant):
        bind(Note, tenant)("a", "b").save()
    assert calls.count("sts:AssumeRole") == 1


def test_threads_of_many_tenants_each_sign_as_their_own(home: House) -> None:
    tenants = [home.tenant(f"tenant-{number}") for number in range(4)]
    start = threading.Barrier(len(tenants))
    seen: dict[str, set[str]] = {tenant: set() for tenant in tenants}

    def note_key(request: object, **_: object) -> None:
        text = str(getattr(request, "headers", {}).get("Authorization", ""))
        seen[current_tenant()].add(text.partition("Credential=")[2].partition("/")[0])

    aws("dynamodb").meta.events.register("before-send.dynamodb.*", note_key)

    def work(tenant: str) -> None:
        start.wait()
        with acting_as(tenant):
            for number in range(25):
                bind(Note, tenant)(f"note#{number}", "note", text=tenant).save()

    with ThreadPoolExecutor(len(tenants)) as pool:
        list(pool.map(work, tenants))
    keys = [key for each in seen.values() for key in each]
    assert all(len(each) == 1 for each in seen.values())
    assert len(set(keys)) == len(tenants)
    for tenant in tenants:
        with acting_as(tenant):
            assert {note.text for note in bind(Note, tenant).scan()} == {tenant}


def test_models_are_bound_once_and_share_one_client(home: House) -> None:
    one, other = home.tenant("one"), home.tenant("other")
    assert bind(Note, one) is bind(Note, one)
    assert bind(Note, one).Meta.table_name != bind(Note, other).Meta.table_name
    assert bind(Note, one)._get_connection().connection is bind(Note, other)._get_connection().connection


@given(st.text(max_size=20))
def test_only_sixteen_base32_characters_name_a_tenant(text: str) -> None:
    expected = len(text) == 16 and all(each in "abcdefghijklmnopqrstuvwxyz234567" for each in text)
    assert is_tenant_id(text) is expected


@pytest.mark.usefixtures("home")
def test_a_table_of_something_else_than_a_tenant_has_no_name() -> None:
    for text in ("", "x", "a" * 15, "a" * 17, "A" * 16, "a" * 15 + "-", f"{'a' * 15}\n"):
        with pytest.raises(ValueError, match="tenant"):
            table_name(text, Suffix.DATA)
    assert table_name("a" * 16, Suffix.DATA) == f"ms-local-{'a' * 16}-data"


def test_a_slug_is_taken_once_and_progress_is_visible(home: House) -> None:
    registry = Registry()
    tenant = new_tenant_id()
    registry.create(tenant, "acme", "Acme")
    with pytest.raises(Conflict):
        registry.create(new_tenant_id(), "acme", "Other")
    registry.set_step(tenant, "tables")
    assert registry.by_slug("acme").steps["tables"] == "done"
    assert registry.by_slug("acme").status is Status.PROVISIONING
    for step in ("stream", "owner", "active"):
        registry.set_step(tenant, step)
    assert registry.by_slug("acme").status is Status.ACTIVE
    with home.counted() as calls:
        registry.by_slug("acme")
    assert calls == []
    with pytest.raises(NotFound):
        registry.by_id("slug#acme")
    assert [each.slug for each in registry.all()] == ["acme"]


def test_nothing_starts_outside_london(monkeypatch: pytest.MonkeyPatch) -> None:
    settings.cache_clear()
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with pytest.raises(WrongRegionError, match="eu-west-2"):
        settings()
    settings.cache_clear()
