"""One line a log event in logfmt on standard error: time, level, event, then its facts."""

import json
import logging
import re
from datetime import UTC, datetime

from postroom.errors import BadSetting

_KNOWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_PLAIN = re.compile(r"[\w.:/@+<>\[\],-]+", re.ASCII)


class Logfmt(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        facts = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "event": record.getMessage(),
            **{name: value for name, value in record.__dict__.items() if name not in _KNOWN},
        }
        if record.exc_info:
            facts["trace"] = self.formatException(record.exc_info)
        return " ".join(f"{name}={_quoted(value)}" for name, value in facts.items())


def configure_logging(level: str) -> None:
    """*level*: debug, info, warning or error (POSTROOM_LOG). Raises BadSetting."""
    if level.lower() not in ("debug", "info", "warning", "error"):
        raise BadSetting(f"POSTROOM_LOG is {level!r}; it can be debug, info, warning or error")
    # Where in the code and in which thread something was logged is not shown, and finding it out
    # takes half of the time of a line ("Optimization" in Python's documentation of logging).
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler()
    handler.setFormatter(Logfmt())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _quoted(value: object) -> str:
    """What a client sent must not start a line of its own, or a fact."""
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
