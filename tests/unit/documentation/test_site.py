"""The pages of the API: promises about what they hold and what they may load."""

import json
import re

import pytest
from doors import door
from house import House

from misentinel.api.problem import TYPE
from openapi.document import FILE
from openapi.problems import kinds


def test_the_document_is_served_as_it_is_committed(home: House) -> None:
    answer = home.ask(door("docs"), "GET", "/v1/openapi.json")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == json.loads(FILE.read_text())


@pytest.mark.parametrize("path", ["/docs", "/docs/problems"])
def test_a_page_and_all_its_assets_come_from_here(home: House, path: str) -> None:
    page = home.ask(door("docs"), "GET", path)
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert not re.search(r"\{[a-z]", page.text)
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assets = [each for each in addresses if "assets/" in each]
    assert assets
    assert not [each for each in addresses if "//" in each]
    for each in assets:
        asset = home.ask(door("docs"), "GET", f"/docs/assets/{each.rpartition('/')[2]}")
        assert asset.status == 200, each
        assert "immutable" in asset.headers["Cache-Control"]
        assert asset.text


@pytest.mark.parametrize("path", ["/docs", "/docs/problems"])
def test_a_page_may_load_nothing_from_elsewhere_and_run_nothing_inline(home: House, path: str) -> None:
    page = home.ask(door("docs"), "GET", path)
    policy = dict(each.split(" ", 1) for each in page.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", page.text)


def test_an_asset_that_is_not_there_is_a_problem(home: House) -> None:
    answer = home.ask(door("docs"), "GET", "/docs/assets/docs.000000000000.js")
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_page_of_problems_explains_every_one(home: House) -> None:
    page = home.ask(door("docs"), "GET", "/docs/problems")
    for kind in kinds():
        assert f'id="{kind.code}"' in page.text
        assert TYPE + kind.code in page.text
