"""One postroom for each module with keys to sign mail with, a user of its own for each test."""

import re
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from tests.clients.conftest import User
from tests.running import DOMAIN, Postroom, log_end, running

pytest.register_assert_rewrite(
    "tests.peers.letters", "tests.peers.exchange", "tests.clients.letters"
)


@pytest.fixture(scope="module")
def postroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postroom]:
    with running(tmp_path_factory.mktemp("postroom"), ["postmaster"]) as found:
        made = found.command("dkim", "make", DOMAIN)
        assert made.returncode == 0, made.stderr
        yield found


@pytest.fixture
def user(postroom: Postroom, request: pytest.FixtureRequest) -> User:
    name = re.sub(r"[^a-z0-9]+", ".", request.node.name.lower()).strip(".")
    return User(postroom.add_user(name[:60].strip(".")))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a failure, show what both sides said."""
    report = yield
    found: dict[str, Any] = getattr(item, "funcargs", {})
    if report.failed and isinstance(postroom := found.get("postroom"), Postroom):
        report.sections.append(("postroom", log_end(postroom)))
    if report.failed and "peer" in found:
        report.sections.append(("peer", found["peer"].said()[-8000:]))
    return report
