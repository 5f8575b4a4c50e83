"""Who plays beside the browser: fixtures of several stories."""

import pytest
from till import till


@pytest.fixture(scope="module")
def stripe(server):
    """Have the demo company charge cards at a test Stripe."""
    with till(server) as stripe:
        yield stripe
