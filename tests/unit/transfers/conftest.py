"""An owner who imports and exports."""

import pytest
from house import House
from office import Office


@pytest.fixture
def office(home: House) -> Office:
    tenant = home.tenant()
    return Office(home, tenant, home.signed_in(tenant))
