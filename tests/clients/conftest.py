"""One running postroom for each module of tests, a user of its own for each test."""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clients.programs import Home
from tests.running import PASSWORD, Postroom, log_end, running

pytest.register_assert_rewrite("tests.clients.letters", "tests.clients.reading")


@dataclass(frozen=True)
class User:
    address: str
    password: str = PASSWORD


@pytest.fixture(scope="module")
def postroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postroom]:
    with running(tmp_path_factory.mktemp("postroom")) as found:
        yield found


@pytest.fixture
def user(postroom: Postroom, request: pytest.FixtureRequest) -> User:
    name = re.sub(r"[^a-z0-9]+", ".", request.node.name.lower()).strip(".")
    return User(postroom.add_user(name[:60].strip(".")))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home folder for the program under test."""
    return Home(tmp_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a failure, show what postroom's processes said."""
    report = yield
    found: Any = getattr(item, "funcargs", {}).get("postroom")
    if report.failed and isinstance(found, Postroom):
        report.sections.append(("postroom", log_end(found)))
    return report
