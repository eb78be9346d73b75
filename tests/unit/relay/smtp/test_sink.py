"""The sink as a process of its own, as crash tests and benchmarks use it."""

import json
import subprocess
import sys
from pathlib import Path

from tests.running import free_port
from tests.unit.relay.smtp.sending import host, parcel, send


def test_what_it_took_is_in_its_log(tmp_path: Path) -> None:
    log = tmp_path / "taken.jsonl"
    with free_port() as port:
        pass
    command = [sys.executable, "-m", "tests.sinks", "--port", str(port), "--log", str(log),
               "--refuse", "<no@", "--lose", "0.3", "--defer", "0.3", "--seed", "7"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[4])
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"listening on 127.0.0.1 port %d\n" % port
        mails = [
            parcel(f"u{n}@x.test", "no@x.test", name=f"q{n}",
                   content=b"Message-ID: <%d@x.test>\r\n\r\nhello\r\n" % n)
            for n in range(40)
        ]  # fmt: skip
        results = send([host(port)], *mails)
    finally:
        process.kill()  # which loses nothing
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    written = [json.loads(line) for line in log.read_text().splitlines()]
    taken = [line for line in written if "to" in line]  # others tell of broken connections
    counted = {address: outcome for found in results for address, outcome in found.outcomes.items()}
    answered = [line["to"][0] for line in taken if line["answered"]]
    assert sorted(answered) == sorted(a for a, o in counted.items() if o.kind == "relayed")
    doubtful = {line["to"][0] for line in taken if not line["answered"]}
    assert doubtful == {address for address, outcome in counted.items() if outcome.unsure}
    assert doubtful
    assert answered
    assert "failed" in {found.outcomes["no@x.test"].kind for found in results}
    assert {line["message_id"] for line in taken} >= {f"<{a[1:-7]}@x.test>" for a in answered}
