"""A person inside the house: what is kept, how a change is made to it, and what else in the table follows from it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from misentinel.errors import Conflict, Invalid
from misentinel.people.attributes import Declarations, Value
from misentinel.people.fields import CONTACT, FIELDS
from misentinel.people.forms import composed, email_form
from misentinel.people.model import MAX_ITEM, MAX_PARTITIONS, MAX_TAGS
from misentinel.people.postings import attribute_posting, tag_posting

UNIQUE = ("external_id", "email")
"""Fields by which a person is found; each value belongs to one person of the workspace."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One person. ``version`` grows with each change, ``additions`` with each thing put into the partition.

    ``partitions`` are the ids of people who were merged into this one.
    """

    id: str
    created_at: str
    updated_at: str
    external_id: str | None = None
    email: str | None = None
    phone: str | None = None
    name: str | None = None
    locale: str | None = None
    time_zone: str | None = None
    attributes: Mapping[str, Value] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    last_seen_at: str | None = None
    partitions: tuple[str, ...] = ()
    version: int = 1
    additions: int = 0

    @property
    def owned(self) -> tuple[str, ...]:
        """Ids of all partitions that hold something of this person."""
        return (self.id, *self.partitions)

    @property
    def year(self) -> str:
        """The year of creation: postings are kept by it."""
        return self.created_at[:4]


def unique_form(name: str, value: str) -> str:
    """What values of a unique field are compared by."""
    return email_form(value) if name == "email" else composed(value)


def unique_values(profile: Profile) -> Iterator[tuple[str, str]]:
    """Unique fields that this person has, with their values in the form compared."""
    for name in UNIQUE:
        value = getattr(profile, name)
        if value is not None:
            yield name, unique_form(name, value)


def postings(profile: Profile, declared: Declarations) -> frozenset[tuple[str, str]]:
    """Keys (partition, sort) of the entries by which a search finds this person."""
    found = {tag_posting(tag, profile.year, profile.id) for tag in profile.tags}
    indexed = declared.indexed
    for name, value in profile.attributes.items():
        if name in indexed:
            found.add(attribute_posting(name, indexed[name], value, profile.year, profile.id))
    return frozenset(found)


def changed(profile: Profile, given: Mapping[str, Any], now: str) -> tuple[Profile, tuple[str, ...]]:
    """A person with what was given, and the names of the fields that changed; the same object if none did.

    ``None`` takes a field or an attribute away; attributes that are not named stay; tags are replaced.

    Raises
    ------
    Invalid
        It would be more than a person may hold.
    """
    new: dict[str, Any] = {name: given[name] for name in FIELDS if name in given}
    if "tags" in given:
        new["tags"] = tuple(given["tags"] or ())
    if given.get("attributes"):
        merged = {**profile.attributes, **given["attributes"]}
        new["attributes"] = {name: value for name, value in merged.items() if value is not None}
    different = {name: value for name, value in new.items() if not _same(value, getattr(profile, name))}
    if not different:
        return profile, ()
    after = replace(profile, **different, updated_at=now, version=profile.version + 1)
    _require_size(after)
    return after, tuple(_names(profile, different))


def _same(one: Any, other: Any) -> bool:
    """Whether nothing changes; 1 and true are not the same."""
    return bool(one == other) and repr(one) == repr(other) if not isinstance(one, dict) else _same_values(one, other)


def _same_values(one: Mapping[str, Value], other: Mapping[str, Value]) -> bool:
    return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())


def _names(before: Profile, different: Mapping[str, Any]) -> Iterator[str]:
    for name, value in sorted(different.items()):
        if name != "attributes":
            yield name
            continue
        for each in sorted({*value, *before.attributes}):
            if not _same(value.get(each), before.attributes.get(each)):
                yield f"attributes.{each}"


def _require_size(profile: Profile) -> None:
    if size_of(profile) > MAX_ITEM:
        raise Invalid(
            f"A person holds at most {MAX_ITEM} bytes; take something away first.",
            errors=[{"field": "attributes", "message": f"a person holds at most {MAX_ITEM} bytes"}],
        )


def size_of(profile: Profile) -> int:
    """About how many bytes the item has."""
    texts = (getattr(profile, name) or "" for name in FIELDS)
    lists = sum(len(each) + 3 for each in (*profile.tags, *profile.partitions))
    return sum(len(text.encode()) for text in texts) + len(as_text(profile.attributes).encode()) + lists + 500


def as_text(attributes: Mapping[str, Value]) -> str:
    """Attributes as they are kept: JSON, in which every number comes back as it went."""
    return json.dumps(dict(attributes), separators=(",", ":"), ensure_ascii=False, sort_keys=True)


def merged(survivor: Profile, other: Profile, now: str) -> tuple[Profile, tuple[str, ...]]:
    """Two people in one: the survivor keeps its values and takes what it lacks.

    Raises
    ------
    Conflict
        Together they are more than one person may hold.
    """
    taken = {
        name: getattr(other, name)
        for name in FIELDS
        if getattr(survivor, name) is None and getattr(other, name) is not None
    }
    tags = tuple(dict.fromkeys((*survivor.tags, *other.tags)))
    partitions = (*survivor.partitions, *other.owned)
    if len(tags) > MAX_TAGS:
        raise Conflict(f"Together they have more than {MAX_TAGS} tags; take some away first.")
    if len(partitions) > MAX_PARTITIONS:
        raise Conflict(f"At most {MAX_PARTITIONS} people can be merged into one.")
    given = {**taken, "tags": tags, "attributes": {**other.attributes, **survivor.attributes}}
    try:
        after, names = changed(survivor, given, now)
    except Invalid as error:
        raise Conflict(error.detail) from None
    seen = max(survivor.last_seen_at or "", other.last_seen_at or "") or None
    after = replace(after, partitions=partitions, last_seen_at=seen, updated_at=now, version=survivor.version + 1)
    return after, (*names, "partitions")


def contact_fields(given: Iterable[str], attributes: Iterable[str], declared: Declarations) -> list[str]:
    """Those of the named fields and attributes that tell who somebody is."""
    personal = declared.personal
    return [*(name for name in given if name in CONTACT), *(name for name in attributes if name in personal)]
