import ast
import logging
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from gateway.logs import Logfmt, configure_logging
from gateway.metrics import Metrics, registry_of
from postroom.errors import BadSetting

ROOT = Path(__file__).parents[4]


def test_a_line_is_a_line_whatever_a_client_sent() -> None:
    record = logging.makeLogRecord({"name": "postroom.x", "msg": "refused", "levelname": "INFO"})
    record.__dict__["client"] = "192.0.2.1"
    record.__dict__["found"] = 'a\r\nlevel=error "x'
    line = Logfmt().format(record)
    assert line.count("\n") == 0
    expected = (
        ' level=info from=postroom.x event=refused client=192.0.2.1 found="a\\r\\nlevel=error \\"x"'
    )
    assert line.endswith(expected)


def test_levels() -> None:
    with pytest.raises(BadSetting, match="POSTROOM_LOG"):
        configure_logging("loud")


def test_metrics_in_the_words_of_prometheus() -> None:
    counted = Metrics()
    counted.accepted = 3
    counted.commands["pop3"] += 2
    text = generate_latest(registry_of(counted)).decode()
    assert "postroom_accepted_messages_total 3.0" in text
    assert 'postroom_commands_total{protocol="pop3"} 2.0' in text


def test_no_log_line_takes_a_name_that_logging_has_taken() -> None:
    """``extra={"name": ...}`` raises KeyError, but only at a level that is switched on."""
    taken = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
    folders = ("edge-smtp/gateway", "layers/postroom/postroom", "functions", "local")
    for path in [path for folder in folders for path in (ROOT / folder).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "extra":
                names = {
                    word.value for word in ast.walk(node.value) if isinstance(word, ast.Constant)
                }
                assert not names & taken, f"{path}:{node.value.lineno}"
