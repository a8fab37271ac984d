"""The deployed stack that the tests of this folder share.

``stack`` (one for the whole run, on a free port, with IAM enforced) offers

- ``stack.api``, the public API's address, and ``local.client.call(stack.api, method, path, ...)`` for requests of nobody;
- ``stack.new_workspace() -> Client``: signed up and signed in through the public door; ``client.get/post/patch/delete``
  return an ``Answer`` (``status``, ``headers``, ``text``, ``json``) and never raise for a refusal; ``client.tenant``,
  ``client.tokens``, ``client.codes.next()``;
- ``stack.aws("dynamodb")``: boto3 as the account's root user; ``stack.resource("Bus")``: a physical id;
- ``stack.restart()``, ``stack.workers("-people")``, ``stack.kill_workers("-people")``.

``acme`` and ``globex`` are two workspaces that the whole run shares. ``eventually(look)`` polls with a deadline. The
limits by network address begin anew with each test: all tests share the machine's one address.
"""

from collections.abc import Iterator

import pytest
from deployed import forget_addresses

from local.client import Client
from local.stack import Stack, temporary_stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The deployed template, on an embedded cloud of the test run's own."""
    with temporary_stack() as made:
        yield made


@pytest.fixture(autouse=True)
def _windows_of_address_limits(stack: Stack) -> None:
    """No test pays for the attempts of those before it."""
    forget_addresses(stack)


@pytest.fixture(scope="session")
def acme(stack: Stack) -> Client:
    """The owner of a workspace."""
    return stack.new_workspace("acme")


@pytest.fixture(scope="session")
def globex(stack: Stack) -> Client:
    """The owner of another workspace."""
    return stack.new_workspace("globex")
