"""Routes that will go say so."""

from datetime import UTC, datetime

import pytest
from house import House

from misentinel.access import PUBLIC, Permission
from misentinel.api import Api, Deprecation

PAGE = "https://docs.misentinel.example/changes#things"
SINCE = datetime(2026, 11, 23, 12, tzinfo=UTC)
SUNSET = datetime(2027, 5, 31, 23, 59, 59, tzinfo=UTC)


def api_with(deprecated: Deprecation | None) -> Api:
    api = Api()

    @api.get("/v1/things", needs=Permission.PEOPLE_READ, action="things.list", deprecated=deprecated)
    def things() -> list[str]:
        """All of them."""
        return []

    return api


def test_a_route_that_will_go_says_since_when_until_when_and_where_to_read_on(home: House) -> None:
    door = api_with(Deprecation(SINCE, PAGE, SUNSET)).handler
    token = home.signed_in(home.tenant())
    for answer in (
        home.ask(door, "GET", "/v1/things", token=token),
        home.ask(door, "GET", "/v1/things", token=token, query={"no": ["such"]}),
        home.ask(door, "GET", "/v1/things"),
    ):
        assert answer.headers["Deprecation"] == "@1795435200"
        assert answer.headers["Sunset"] == "Mon, 31 May 2027 23:59:59 GMT"
        assert answer.headers["Link"] == f'<{PAGE}>; rel="deprecation"; type="text/html"'


def test_a_route_that_stays_says_nothing(home: House) -> None:
    answer = home.ask(api_with(None).handler, "GET", "/v1/things", token=home.signed_in(home.tenant()))
    assert not {"Deprecation", "Sunset", "Link"} & answer.headers.keys()


def test_the_end_is_told_only_once_it_is_known() -> None:
    assert "Sunset" not in Deprecation(SINCE, PAGE).headers()
    with pytest.raises(ValueError, match="before"):
        Deprecation(SUNSET, PAGE, SINCE)


def test_what_a_route_declares_can_be_read_from_its_function() -> None:
    api = api_with(Deprecation(SINCE, PAGE))
    api.post("/v1/things/<thing_id>", needs=PUBLIC, action="things.create", status=201)(lambda thing_id: thing_id)
    listed, made = api.routes
    assert (listed.method, listed.path, listed.needs, listed.status) == (
        "GET",
        "/v1/things",
        Permission.PEOPLE_READ,
        200,
    )
    assert (made.method, made.path, made.needs, made.status) == ("POST", "/v1/things/<thing_id>", PUBLIC, 201)
    assert (listed.deprecated, made.deprecated) == (Deprecation(SINCE, PAGE), None)
    assert (listed.action.name, made.action.name) == ("things.list", "things.create")


def test_a_dot_in_a_path_is_a_dot() -> None:
    api = Api()
    api.get("/.well-known/keys.json", needs=PUBLIC, action="keys.read")(lambda: None)
    (route,) = api.routes
    assert route.pattern.fullmatch("/.well-known/keys.json")
    assert not route.pattern.fullmatch("/.well-known/keysxjson")
