"""What the `tick` function does each minute. Each part may fail alone; its turn comes again."""

import logging
from collections.abc import Callable, Mapping

from postroom.errors import PostroomError

log = logging.getLogger(__name__)


def do_each(parts: Mapping[str, Callable[[], int]]) -> dict[str, int]:
    """Do every part. Returns how much each has done, and raises the last error at the end."""
    done: dict[str, int] = {}
    failure: PostroomError | None = None
    for name, part in parts.items():
        try:
            done[name] = part()
        except PostroomError as error:
            log.warning("not done", extra={"part": name, "reason": str(error)})
            failure = error
    log.info("tick", extra={name: count for name, count in done.items() if count})
    if failure is not None:
        raise failure
    return done
