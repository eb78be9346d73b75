"""The contract of postroom.platform.topic.Topic."""

import queue
from typing import Any

import pytest

from postroom.platform.topic import Topic


@pytest.fixture
def topic(world: Any) -> Topic:
    found: Topic = world.platform.topic
    return found


def test_every_subscriber_hears_every_message(topic: Topic) -> None:
    first: queue.SimpleQueue[str] = queue.SimpleQueue()
    second: queue.SimpleQueue[str] = queue.SimpleQueue()
    one, two = topic.subscribe(first.put), topic.subscribe(second.put)
    topic.publish(["mailbox/1 5", "grüße"])
    for heard in (first, second):
        assert {heard.get(timeout=30), heard.get(timeout=30)} == {"mailbox/1 5", "grüße"}
    one.close()
    topic.publish(["after"])
    assert second.get(timeout=30) == "after"
    assert first.empty()
    two.close()
    two.close()


def test_publishing_to_nobody_and_to_one_who_fails_is_no_error(topic: Topic) -> None:
    topic.publish(["nobody"])
    topic.publish([])

    def fail(message: str) -> None:
        raise RuntimeError(message)

    heard: queue.SimpleQueue[str] = queue.SimpleQueue()
    failing, listening = topic.subscribe(fail), topic.subscribe(heard.put)
    topic.publish(["news"])
    assert heard.get(timeout=30) == "news"
    failing.close()
    listening.close()


def test_a_message_of_a_kilobyte_is_taken(topic: Topic) -> None:
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()
    listening = topic.subscribe(heard.put)
    topic.publish(["x" * 1024])
    assert heard.get(timeout=30) == "x" * 1024
    listening.close()
