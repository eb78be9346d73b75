"""Read template.yaml: which functions there are, what triggers them, which queues they use.

There is no second list. What this machine cannot run is an error at start, not a surprise later.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from postroom.errors import BadSetting

_FUNCTION, _QUEUE = "AWS::Serverless::Function", "AWS::SQS::Queue"
# What the embedded store stands for, and what only matters to AWS.
_STANDS_FOR = {
    "AWS::DynamoDB::Table",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
}
_ONLY_AWS = {
    "AWS::Serverless::LayerVersion",
    "AWS::CloudWatch::Alarm",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}
_UNITS = {"minute": 60, "minutes": 60, "hour": 3600, "hours": 3600, "day": 86_400, "days": 86_400}
_RATE = re.compile(r"rate\(([1-9]\d{0,5}) (\w+)\)")
_QUEUE_VARIABLE = "POSTROOM_QUEUE_"


@dataclass(frozen=True, slots=True)
class QueueSpec:
    name: str  # as Platform.queue knows it
    visibility: int  # seconds
    max_receives: int


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    queue: str  # name of the QueueSpec
    batch: int


@dataclass(frozen=True, slots=True)
class ScheduleTrigger:
    name: str
    every: int  # seconds


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    name: str  # logical id: "InboundFunction"
    folder: Path
    module: str  # "app"
    handler: str  # "handler"
    timeout: int  # seconds
    memory: int  # MB
    environment: Mapping[str, str]
    queues: tuple[QueueTrigger, ...]
    schedules: tuple[ScheduleTrigger, ...]
    pollers: int = 1  # batches at once in one worker: Metadata.Postroom.Pollers


@dataclass(frozen=True, slots=True)
class Template:
    functions: tuple[FunctionSpec, ...]
    queues: tuple[QueueSpec, ...]


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms: ``!Ref X`` becomes ``{"Ref": "X"}``."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)  # noqa: S101  (yaml has no fourth kind)
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def read_template(path: Path) -> Template:
    """Raises BadSetting for what is missing, malformed or cannot run here."""
    try:
        document = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506  (a SafeLoader)
    except (OSError, yaml.YAMLError) as error:
        raise BadSetting(f"cannot read {path}: {error}") from error
    try:
        return _Reader(document, path.parent).read()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # CloudFormation and cfn-lint say more; here it is enough that nothing is guessed.
        raise BadSetting(f"{path} is not what we can read: {error!r}") from error


class _Reader:
    def __init__(self, document: Mapping[str, Any], folder: Path) -> None:
        self._resources: Mapping[str, Any] = document["Resources"]
        self._globals = document.get("Globals", {}).get("Function", {})
        self._folder = folder
        self._queue_names = self._names_of_queues()

    def read(self) -> Template:
        known = _STANDS_FOR | _ONLY_AWS | {_FUNCTION, _QUEUE}
        for name, resource in self._resources.items():
            if resource["Type"] not in known:
                raise BadSetting(
                    f"template.yaml: {name} is a {resource['Type']}, which does not run on one "
                    f"machine: teach local/runtime/template.py, or keep it in infra/"
                )
        functions = tuple(
            self._function(name, self._globals | resource["Properties"], _pollers(resource))
            for name, resource in self._resources.items()
            if resource["Type"] == _FUNCTION
        )
        return Template(functions, tuple(map(self._queue, self._queue_names)))

    def _names_of_queues(self) -> dict[str, str]:
        """Logical id -> our name: ``POSTROOM_QUEUE_INBOUND: !Ref InboundQueue`` says "inbound"."""
        names = {}
        scopes = [self._globals, *(r.get("Properties", {}) for r in self._resources.values())]
        for scope in scopes:
            for variable, value in _variables(scope).items():
                if variable.startswith(_QUEUE_VARIABLE):
                    names[_reference(value)] = variable.removeprefix(_QUEUE_VARIABLE).lower()
        return names

    def _queue(self, logical: str) -> QueueSpec:
        properties = self._resources[logical].get("Properties", {})
        redrive = properties.get("RedrivePolicy")
        if redrive is None:
            raise BadSetting(f"template.yaml: {logical} has no RedrivePolicy (dead letters)")
        return QueueSpec(
            self._queue_names[logical],
            int(properties.get("VisibilityTimeout", 30)),
            int(redrive["maxReceiveCount"]),
        )

    def _function(self, name: str, properties: Mapping[str, Any], pollers: int) -> FunctionSpec:
        module, _, handler = str(properties["Handler"]).rpartition(".")
        queues, schedules = [], []
        for event_name, event in properties.get("Events", {}).items():
            details = event.get("Properties", {})
            if event["Type"] == "SQS":
                queues.append(self._queue_trigger(name, event_name, details))
            elif event["Type"] == "Schedule":
                schedules.append(_schedule(name, event_name, details))
            else:
                raise BadSetting(
                    f"template.yaml: {name} is triggered by {event_name}, a {event['Type']} event, "
                    f"which local/runtime cannot run; it runs SQS and Schedule"
                )
        folder = self._folder / str(properties["CodeUri"])
        if not (folder / f"{module}.py").is_file():
            raise BadSetting(f"template.yaml: {name} has no {folder / module}.py")
        return FunctionSpec(
            name,
            folder,
            module,
            handler,
            int(properties.get("Timeout", 3)),
            int(properties.get("MemorySize", 128)),
            {
                variable: value
                for variable, value in (_variables(self._globals) | _variables(properties)).items()
                if isinstance(value, str)
            },
            tuple(queues),
            tuple(schedules),
            pollers,
        )

    def _queue_trigger(self, name: str, event: str, details: Mapping[str, Any]) -> QueueTrigger:
        logical = _reference(details.get("Queue"))
        if logical not in self._queue_names:
            raise BadSetting(
                f"template.yaml: {name}'s {event} reads {logical}, but no {_QUEUE_VARIABLE}… "
                f"variable gives that queue a name"
            )
        if "ReportBatchItemFailures" not in details.get("FunctionResponseTypes", []):
            raise BadSetting(f"template.yaml: {name}'s {event} lacks ReportBatchItemFailures")
        return QueueTrigger(self._queue_names[logical], int(details.get("BatchSize", 10)))


def _pollers(resource: Mapping[str, Any]) -> int:
    """How many batches of a function one worker takes at once; AWS has its own ways."""
    count = int(resource.get("Metadata", {}).get("Postroom", {}).get("Pollers", 1))
    if not 1 <= count <= 64:
        raise ValueError(f"{count} pollers")
    return count


def _variables(properties: Mapping[str, Any]) -> dict[str, Any]:
    return dict(properties.get("Environment", {}).get("Variables", {}))


def _reference(value: Any) -> str:
    """The logical id in ``!Ref X``, ``!GetAtt X.Arn`` or their long forms; "" for none."""
    if isinstance(value, Mapping):
        if "Ref" in value:
            return str(value["Ref"])
        attribute = value.get("Fn::GetAtt")
        if attribute:
            return str(attribute[0] if isinstance(attribute, list) else attribute).split(".")[0]
    return ""


def _schedule(function: str, name: str, details: Mapping[str, Any]) -> ScheduleTrigger:
    expression = str(details.get("Schedule", ""))
    match = _RATE.fullmatch(expression)
    if match is None or match[2] not in _UNITS:
        raise BadSetting(
            f"template.yaml: {function}'s {name} has the schedule {expression!r}; "
            f"local/runtime runs rate(N minutes|hours|days)"
        )
    return ScheduleTrigger(name, int(match[1]) * _UNITS[match[2]])
