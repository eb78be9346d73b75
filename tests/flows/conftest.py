"""Every flow runs on both sets of adapters: embedded, and AWS by moto."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.runtime.supervisor import TEMPLATE
from local.runtime.template import read_template
from postroom.directory.records import Account
from tests.contracts.conftest import ADAPTERS
from tests.flows.house import House, opened
from tests.sinks import Sink


@pytest.fixture(scope="session")
def tls_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds a development certificate, made once."""
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(params=sorted(ADAPTERS))
def house(request: pytest.FixtureRequest, tmp_path: Path, tls_folder: Path) -> Iterator[House]:
    with ADAPTERS[request.param](tmp_path) as world:
        if request.param == "embedded":  # the AWS account has template.yaml's queues already
            for spec in read_template(TEMPLATE).queues:
                world.queue(spec.name, visibility=spec.visibility, max_receives=spec.max_receives)
        with opened(world, tls_folder) as house:
            house.domain()
            yield house


@pytest.fixture
def alice(house: House) -> Account:
    return house.account("alice")


@pytest.fixture
def sink(house: House) -> Iterator[Sink]:
    """Where all mail to others goes. Its rule may be set."""
    with Sink() as found:
        house.lead("*", found.port)
        yield found
