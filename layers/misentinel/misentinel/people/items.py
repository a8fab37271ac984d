"""Items of people in ``-data``: how each is keyed, and a person to and from its item."""

import json
from functools import lru_cache
from typing import Any

from pynamodb.attributes import ListAttribute, NumberAttribute, UnicodeAttribute

from misentinel.people.profile import UNIQUE, Profile, as_text, unique_form
from misentinel.tenancy import DataModel, bind, keyed_hash

PERSON = "person"
"""The sort key of a person, and of what says that a value is taken."""


class PersonItem(DataModel):
    """A person."""

    gsi1pk = UnicodeAttribute(null=True)
    gsi1sk = UnicodeAttribute(null=True)
    id = UnicodeAttribute(null=True)
    external_id = UnicodeAttribute(null=True)
    email = UnicodeAttribute(null=True)
    phone = UnicodeAttribute(null=True)
    name = UnicodeAttribute(null=True)
    locale = UnicodeAttribute(null=True)
    time_zone = UnicodeAttribute(null=True)
    fields = UnicodeAttribute(null=True, attr_name="attributes")
    tags: Any = ListAttribute(null=True, of=UnicodeAttribute)
    partitions: Any = ListAttribute(null=True, of=UnicodeAttribute)
    created_at = UnicodeAttribute(null=True)
    updated_at = UnicodeAttribute(null=True)
    last_seen_at = UnicodeAttribute(null=True)
    version = NumberAttribute(null=True)
    additions = NumberAttribute(null=True)


class UniqueItem(DataModel):
    """That a value belongs to one person; its key is a keyed hash."""

    person = UnicodeAttribute()


class PostingItem(DataModel):
    """That a person has a tag or a value: keys alone."""


def person_key(person: str) -> str:
    """The partition of a person, and of all that belongs to it."""
    return f"person#{person}"


def month_key(month: str) -> str:
    """People are listed by the month they were created in, so that no index partition grows for ever."""
    return f"people#{month}"


@lru_cache(maxsize=1024)
def unique_key(tenant: str, field: str, form: str) -> str:
    """Where it is kept whose a value is; a hash, for keys are seen by more eyes than values."""
    return f"unique#{field}#{keyed_hash(f'people-{field}', form, tenant)}"


def unique_keys(tenant: str, given: dict[str, Any]) -> dict[str, str]:
    """By field: where it is kept whose the given values are."""
    return {
        name: unique_key(tenant, name, unique_form(name, given[name])) for name in UNIQUE if given.get(name) is not None
    }


def item_of(tenant: str, profile: Profile) -> PersonItem:
    """A person's whole item."""
    item: PersonItem = bind(PersonItem, tenant)(
        person_key(profile.id),
        PERSON,
        gsi1pk=month_key(profile.created_at[:7]),
        gsi1sk=profile.id,
        id=profile.id,
        external_id=profile.external_id,
        email=profile.email,
        phone=profile.phone,
        name=profile.name,
        locale=profile.locale,
        time_zone=profile.time_zone,
        fields=as_text(profile.attributes) if profile.attributes else None,
        tags=list(profile.tags) or None,
        partitions=list(profile.partitions) or None,
        created_at=profile.created_at,
        updated_at=profile.updated_at,
        last_seen_at=profile.last_seen_at,
        version=profile.version,
        additions=profile.additions,
    )
    return item


def profile_of(item: PersonItem) -> Profile:
    """The person that an item holds."""
    return Profile(
        id=item.id,
        external_id=item.external_id,
        email=item.email,
        phone=item.phone,
        name=item.name,
        locale=item.locale,
        time_zone=item.time_zone,
        attributes=json.loads(item.fields) if item.fields else {},
        tags=tuple(item.tags or ()),
        partitions=tuple(item.partitions or ()),
        created_at=item.created_at,
        updated_at=item.updated_at,
        last_seen_at=item.last_seen_at,
        version=int(item.version),
        additions=int(item.additions or 0),
    )
