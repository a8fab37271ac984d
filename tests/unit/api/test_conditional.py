"""Conditional requests (RFC 9110, section 13.1.1): done only to the version that was meant."""

import pytest
from doors import door
from house import House


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("{etag}", 200),
        ('"other", {etag}', 200),
        ('"other",{etag} , "third"', 200),
        ("*", 200),
        ("", 200),
        ('"other"', 412),
        ('"other", "third"', 412),
        ("W/{etag}", 412),
        ("{bare}", 412),
        ("{before}", 412),
        ("{another}", 412),
    ],
)
def test_a_change_is_made_if_one_of_the_tags_is_the_present_one(home: House, form: str, status: int) -> None:
    people, token = door("people"), home.signed_in(home.tenant())
    made, other = (home.ask(people, "POST", "/v1/people", token=token, body={"name": name}) for name in ("Ann", "Bo"))
    path = f"/v1/people/{made.json['id']}"
    etag = home.ask(people, "PATCH", path, token=token, body={"name": "Anna"}).headers["ETag"]
    tags = {"etag": etag, "bare": etag.strip('"'), "before": made.headers["ETag"], "another": other.headers["ETag"]}
    for method, body in (("PATCH", {"name": "Anna"}), ("DELETE", None)):
        answer = home.ask(people, method, path, token=token, body=body, headers={"If-Match": form.format(**tags)})
        assert answer.status == status, method
