"""When a message that could not be relayed is tried again, and when that ends."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from postroom.errors import BadSetting

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,6})([smhd])")
_JITTER = 0.1  # of each pause, so that what failed together does not come back together


@dataclass(frozen=True, slots=True)
class Schedule:
    """Pauses between attempts in seconds; the last one repeats.

    RFC 5321 section 4.5.4.1 asks for at least 30 minutes between attempts, after a few early ones,
    and for giving up after 4 to 5 days.
    """

    pauses: tuple[int, ...] = (60, 300, 900, 1800, 3600, 7200, 14_400)
    warn_after: int = 4 * 3600
    give_up_after: int = 5 * 86_400

    def pause(self, attempts: int, random: bytes) -> float:
        """Seconds to wait after that many failed attempts; *random* is two octets for jitter."""
        pause = self.pauses[min(max(attempts, 1), len(self.pauses)) - 1]
        return pause * (1 + _JITTER * int.from_bytes(random[:2], "big") / 65_535)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Schedule":
        """POSTROOM_RETRY_PAUSES ("1m 5m 15m"), POSTROOM_WARN_AFTER, POSTROOM_GIVE_UP_AFTER."""
        pauses = environment.get("POSTROOM_RETRY_PAUSES", "").split()
        base = cls()
        return cls(
            tuple(duration("POSTROOM_RETRY_PAUSES", pause) for pause in pauses) or base.pauses,
            _single(environment, "POSTROOM_WARN_AFTER", base.warn_after),
            _single(environment, "POSTROOM_GIVE_UP_AFTER", base.give_up_after),
        )


def _single(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "")
    return duration(name, text) if text else default


def duration(name: str, text: str) -> int:
    """Seconds of "90s", "5m", "4h", "5d". Raises BadSetting, which names *name*."""
    match = _DURATION.fullmatch(text)
    if match is None or not int(match[1]):
        raise BadSetting(f"{name} has {text!r}: durations are like 90s, 5m, 4h or 5d")
    return int(match[1]) * _UNITS[match[2]]
