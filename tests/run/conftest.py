"""No command that a test has started outlives it, however it ends."""

import pytest
from started import end_all


@pytest.fixture(autouse=True)
def ends_what_it_starts():
    """A test that fails leaves no tier, and no cluster of Ray's, to the next one."""
    yield
    end_all()
