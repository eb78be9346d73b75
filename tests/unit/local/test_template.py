"""What the one-machine runtime reads from template.yaml, and what it refuses."""

from pathlib import Path
from textwrap import dedent

import pytest

from local.runtime.supervisor import TEMPLATE
from local.runtime.template import (
    QueueSpec,
    QueueTrigger,
    ScheduleTrigger,
    Template,
    read_template,
)
from postroom.errors import BadSetting

WORKING = """\
    Globals:
      Function:
        Handler: app.handler
        Timeout: 20
        Environment:
          Variables:
            POSTROOM_STORE: aws
            POSTROOM_TABLE: !Ref Table
            POSTROOM_QUEUE_WORK: !Ref WorkQueue
    Resources:
      Table: {Type: AWS::DynamoDB::Table}
      WorkFunction:
        Type: AWS::Serverless::Function
        Properties:
          CodeUri: work/
          MemorySize: 512
          Environment: {Variables: {POSTROOM_LOG: debug}}
          Events:
            Queue:
              Type: SQS
              Properties:
                Queue: !GetAtt WorkQueue.Arn
                BatchSize: 7
                FunctionResponseTypes: [ReportBatchItemFailures]
            Clock:
              Type: Schedule
              Properties: {Schedule: "rate(5 minutes)"}
      WorkQueue:
        Type: AWS::SQS::Queue
        Properties:
          VisibilityTimeout: 40
          RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}
      Dead: {Type: AWS::SQS::Queue}
"""


def read(folder: Path, text: str) -> Template:
    (folder / "work").mkdir(exist_ok=True)
    (folder / "work" / "app.py").write_text("def handler(event, context): ...\n")
    (folder / "template.yaml").write_text(dedent(text))
    return read_template(folder / "template.yaml")


def test_functions_queues_and_triggers_are_read(tmp_path: Path) -> None:
    template = read(tmp_path, WORKING)
    assert template.queues == (QueueSpec("work", visibility=40, max_receives=3),)
    [function] = template.functions
    assert (function.name, function.module, function.handler) == ("WorkFunction", "app", "handler")
    assert (function.timeout, function.memory) == (20, 512)
    assert function.queues == (QueueTrigger("work", 7),)
    assert function.schedules == (ScheduleTrigger("Clock", 300),)
    assert function.environment["POSTROOM_STORE"] == "aws"  # what is a plain word stays
    assert "POSTROOM_TABLE" not in function.environment  # what AWS would fill in does not


def test_the_real_template_runs_here() -> None:
    template = read_template(TEMPLATE)
    assert {function.name for function in template.functions} == {
        "InboundFunction",
        "TickFunction",
        "RelayFunction",
        "BounceFunction",
        "AutorespondFunction",
        "IndexFunction",
    }
    pollers = {function.name: function.pollers for function in template.functions}
    assert pollers.pop("RelayFunction") > 1, "most of the time it waits for other servers"
    assert set(pollers.values()) == {1}
    inbound = next(spec for spec in template.queues if spec.name == "inbound")
    assert inbound.max_receives == 5
    for function in template.functions:
        assert (function.folder / "app.py").is_file()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        pytest.param(
            "AWS::DynamoDB::Table",
            "AWS::RDS::DBInstance",
            "Table is a AWS::RDS::DBInstance, which does not run on one machine",
            id="unknown resource",
        ),
        pytest.param(
            "Type: Schedule",
            "Type: S3",
            "WorkFunction is triggered by Clock, a S3 event, which local/runtime cannot run",
            id="unknown trigger",
        ),
        pytest.param(
            "RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}",
            "KmsMasterKeyId: x",
            "WorkQueue has no RedrivePolicy",
            id="queue without dead letters",
        ),
        pytest.param(
            "[ReportBatchItemFailures]",
            "[]",
            "WorkFunction's Queue lacks ReportBatchItemFailures",
            id="one failure would bring back the batch",
        ),
        pytest.param(
            "POSTROOM_QUEUE_WORK",
            "POSTROOM_Q_WORK",
            "reads WorkQueue, but no POSTROOM_QUEUE_",
            id="queue without a name",
        ),
        pytest.param(
            "!GetAtt WorkQueue.Arn",
            "arn:aws:sqs:us-east-1:1:x",
            "reads , but no POSTROOM_QUEUE_",
            id="queue of another stack",
        ),
        pytest.param("CodeUri: work/", "CodeUri: play/", "WorkFunction has no ", id="no code"),
        pytest.param("app.handler", "main.handler", "WorkFunction has no ", id="no module"),
        pytest.param(
            "rate(5 minutes)",
            "cron(0 12 * * ? *)",
            "Clock has the schedule 'cron(0 12 * * ? *)'",
            id="cron",
        ),
        pytest.param("rate(5 minutes)", "rate(0 minutes)", "'rate(0 minutes)'", id="no pause"),
        pytest.param("rate(5 minutes)", "rate(5 weeks)", "'rate(5 weeks)'", id="unknown unit"),
        pytest.param("rate(5 minutes)", "rate(-5 minutes)", "'rate(-5 minutes)'", id="backwards"),
        pytest.param("maxReceiveCount: 3", "max: 3", "maxReceiveCount", id="a part is missing"),
        pytest.param(
            "VisibilityTimeout: 40", "VisibilityTimeout: !Ref X", "not what we can", id="parameter"
        ),
        pytest.param(
            "!Ref WorkQueue", "!Ref NoQueue", "reads WorkQueue", id="queue that is not there"
        ),
        pytest.param("Resources:", "Sources:", "Resources", id="no resources"),
        pytest.param("Table: {Type", "Table: {Kind", "Type", id="resource without a type"),
        pytest.param("Globals:", "Globals: [", "cannot read", id="no YAML"),
        pytest.param(
            "Properties:\n          CodeUri",
            "Metadata: {Postroom: {Pollers: 0}}\n        Properties:\n          CodeUri",
            "0 pollers",
            id="nobody polls",
        ),
    ],
)
def test_what_cannot_run_stops_at_start(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in WORKING
    with pytest.raises(BadSetting) as caught:
        read(tmp_path, WORKING.replace(old, new))
    assert complaint in str(caught.value)
    assert "template.yaml" in str(caught.value)


@pytest.mark.parametrize("text", ["", "- a list", "just words", "Resources: 5"])
def test_a_file_that_is_no_template_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadSetting):
        read(tmp_path, text)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="cannot read"):
        read_template(tmp_path / "none.yaml")
