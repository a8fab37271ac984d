"""A workspace with its people's door open."""

import pytest
from desk import Desk
from house import House


@pytest.fixture
def desk(home: House) -> Desk:
    """An owner at the people's door."""
    tenant = home.tenant()
    return Desk(home, tenant, home.signed_in(tenant))
