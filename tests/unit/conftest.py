"""Unit tests touch no network: sockets are closed, AWS is moto's."""

from collections.abc import Iterator

import pytest
import pytest_socket
from house import House, house


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
