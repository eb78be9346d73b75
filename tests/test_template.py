"""template.yaml is the one table of what exists: it is well formed, complete and runs here."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from local.runtime.template import read_template
from tests.aws_account import ROOT, resources

BIN = Path(sys.executable).parent


def run(*command: str | Path) -> None:
    done = subprocess.run(
        [str(part) for part in command], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("template", ["template.yaml", "infra/edge.yaml"])
def test_cloudformation_has_nothing_to_say(template: str) -> None:
    run(BIN / "cfn-lint", "--include-checks", "I", "--", template)


def test_every_function_has_a_folder_and_every_folder_is_a_function() -> None:
    wired = {
        resource["Properties"]["CodeUri"].strip("/")
        for resource in resources().values()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert wired == {f"functions/{path.parent.name}" for path in ROOT.glob("functions/*/app.py")}


def test_every_function_has_events_to_try_it_with() -> None:
    for folder in (ROOT / "functions").iterdir():
        assert list(folder.glob("events/*.json")), folder


def test_one_machine_runs_what_the_template_wires() -> None:
    template = read_template(ROOT / "template.yaml")
    inbound = next(one for one in template.functions if one.name == "InboundFunction")
    assert [trigger.queue for trigger in inbound.queues] == ["inbound"]
    assert {queue.name for queue in template.queues} == {
        trigger.queue for function in template.functions for trigger in function.queues
    }


def test_a_letter_stays_hidden_while_its_function_runs() -> None:
    template = read_template(ROOT / "template.yaml")
    visibility = {queue.name: queue.visibility for queue in template.queues}
    for function in template.functions:
        for trigger in function.queues:
            assert visibility[trigger.queue] >= 3 * function.timeout


def test_an_index_may_take_as_many_steps_as_it_needs() -> None:
    """Lambda stops a function that gets its own letter for the 16th time, if it is not allowed."""
    assert resources()["IndexFunction"]["Properties"]["RecursiveLoop"] == "Allow"


def test_the_edge_finds_everything_it_imports() -> None:
    exported = set(
        re.findall(r'"\$\{AWS::StackName\}-(\w+)"', (ROOT / "template.yaml").read_text())
    )
    edge = (ROOT / "infra" / "edge.yaml").read_text()
    imported = set(re.findall(r'!ImportValue.*?"\$\{Backend\}-(\w+)"', edge, re.DOTALL))
    assert imported
    assert imported <= exported


def test_the_edge_container_is_built_by_the_rules() -> None:
    run(BIN / "hadolint", "edge-smtp/Dockerfile")
