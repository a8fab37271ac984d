"""Unit tests touch no network: sockets are closed, AWS is moto's."""

from collections.abc import Iterator
from functools import cache

import botocore.session
import pytest
import pytest_socket
from house import House, house

# AWS's service models are the same in every test's session: read each once for the run.
botocore.session.create_loader = cache(botocore.session.create_loader)


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    """Refuse every socket but the machine's own pipes."""
    pytest_socket.disable_socket(allow_unix_socket=True)
    yield
    pytest_socket.enable_socket()


@pytest.fixture
def home() -> Iterator[House]:
    """A fresh cloud of moto's with all that the template makes."""
    with house() as made:
        yield made
