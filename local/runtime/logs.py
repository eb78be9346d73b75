"""One line a log event, for a person at a terminal: time, level, event, then its facts."""

import logging
import os
import time

_KNOWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        facts = " ".join(
            f"{name}={value!r}" if " " in str(value) else f"{name}={value}"
            for name, value in record.__dict__.items()
            if name not in _KNOWN
        )
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        line = f"{clock} {record.levelname.lower():7} {record.getMessage()}"
        if facts:
            line += f"  {facts}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def configure_logging() -> None:
    """Log to standard error from POSTROOM_LOG (debug, info, warning, error; info) upwards."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Line())
    level = os.environ.get("POSTROOM_LOG", "info").upper()
    logging.basicConfig(level=level, handlers=[handler], force=True)
