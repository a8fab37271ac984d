"""Every route can be asked: who adds one says how, and the tests of all routes take it from there."""

from doors import API_FUNCTIONS, FUNCTIONS
from recipes import RECIPES
from world import name_of, routes


def test_every_route_has_a_recipe_and_every_recipe_a_route() -> None:
    assert {name_of(route) for route in routes()} == RECIPES.keys()


def test_every_function_with_routes_is_among_those_of_the_api() -> None:
    with_routes = {each.parent.name for each in FUNCTIONS.glob("*/handler.py") if "api = Api()" in each.read_text()}
    assert with_routes == set(API_FUNCTIONS)
