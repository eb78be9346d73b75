"""Ports: time and randomness, so that five days pass in a test in seconds."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, aware, in UTC."""

    def seconds(self) -> float:
        """The same as seconds since 1970."""


class Randomness(Protocol):
    def octets(self, count: int) -> bytes:
        """Unpredictable octets, fit for keys and tokens."""
