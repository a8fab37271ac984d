"""Every refusal is a problem of a type that the page explains."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from misentinel import errors
from misentinel.api.problem import TYPE, problem, refusal_of
from misentinel.errors import Refusal, kinds
from openapi import pages

ROOT = Path(__file__).parent.parent.parent.parent
OURS = [kind for kind in kinds() if kind.__module__ == Refusal.__module__]


def test_the_page_is_made_of_the_errors() -> None:
    assert pages.FILE.read_text() == pages.problems_page(), "make openapi writes it anew"


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.code)
def test_each_type_says_when_it_comes_and_what_to_do(kind: type[Refusal]) -> None:
    for name in ("status", "code", "title", "when", "advice"):
        assert vars(kind).get(name), f"{kind.__name__}.{name}"
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.code)
    assert 400 <= kind.status < 600
    assert kind.when.endswith(".")
    assert kind.advice.endswith(".")


def test_no_two_kinds_share_a_type() -> None:
    codes = [kind.code for kind in OURS]
    assert len(set(codes)) == len(codes)


def test_no_other_module_makes_a_type_of_its_own() -> None:
    names = {kind.__name__ for kind in OURS}
    for path in (ROOT / "layers/misentinel/misentinel").rglob("*.py"):
        if path.name == "errors.py":
            continue
        for each in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(each, ast.ClassDef)
                and {base.id for base in each.bases if isinstance(base, ast.Name)} & names
            ):
                set_here = {
                    ast.unparse(target) for one in each.body if isinstance(one, ast.Assign) for target in one.targets
                }
                assert not any("code" in name for name in set_here), f"{path.name}: the page lists what errors.py has"


@pytest.mark.parametrize(
    "error",
    [ValueError("ada@example.com"), KeyError("x"), RuntimeError("4111111111111111")],
    ids=lambda each: type(each).__name__,
)
def test_an_error_of_ours_tells_nothing_of_what_went_wrong(error: Exception) -> None:
    told = problem(refusal_of(error), "r")
    assert told.status == 500
    assert str(error.args[0]) not in told.body
    assert f"{TYPE}internal" in told.body


def test_a_wrong_value_is_not_repeated(home: Any) -> None:
    del home
    told = problem(errors.Invalid(errors=[{"field": "email", "message": "not valid"}]), "r")
    assert '"errors":[{"field":"email","message":"not valid"}]' in told.body
