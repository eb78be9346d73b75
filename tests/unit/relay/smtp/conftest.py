from collections.abc import Iterator

import pytest

from tests.unit.relay.smtp.sending import OPEN


@pytest.fixture(autouse=True)
def _couriers_are_closed() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()
