"""The template as CloudFormation gets it: SAM translated, intrinsics resolved for one stage."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped] # it ships no types
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped] # it ships no types
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped] # it ships no types

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
REGION = "eu-west-2"
ACCOUNT = "111122223333"
_PSEUDO = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::StackName": "misentinel",
    "AWS::URLSuffix": "amazonaws.com",
}
_ABSENT = object()
# What `Ref` gives, by type: the property that names the resource.
_NAMES = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Logs::LogStream": "LogStreamName",
    "AWS::Events::EventBus": "Name",
    "AWS::S3::Bucket": "BucketName",
    "AWS::KinesisFirehose::DeliveryStream": "DeliveryStreamName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::Events::Rule": "Name",
}
_ARNS = {
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/%s",
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/%s",
    "AWS::Lambda::Function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:%s",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:%s:*",
    "AWS::Events::EventBus": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/%s",
    "AWS::S3::Bucket": "arn:aws:s3:::%s",
    "AWS::KinesisFirehose::DeliveryStream": f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/%s",
    "AWS::SQS::Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:%s",
    "AWS::SNS::Topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:%s",
    "AWS::Events::Rule": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/%s",
    "AWS::KMS::Key": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/%s",
    "AWS::SecretsManager::Secret": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:%s",
    "AWS::IAM::ManagedPolicy": f"arn:aws:iam::{ACCOUNT}:policy/%s",
    "AWS::Lambda::Alias": f"arn:aws:lambda:{REGION}:{ACCOUNT}:alias:%s",
}
# Resources whose `Ref` is their ARN.
_REF_IS_ARN = {"AWS::SNS::Topic", "AWS::SecretsManager::Secret", "AWS::IAM::ManagedPolicy", "AWS::Lambda::Alias"}


@lru_cache(maxsize=1)
def source() -> dict[str, Any]:
    """The template as it is written."""
    template: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    return template


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a role's or a resource's policy, with lists where IAM allows a single value."""

    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: dict[str, Any]
    principal: Any

    def allows(self, action: str, resource: str, **keys: str) -> bool:
        """Whether it is an Allow that names the action and the resource; conditions are left out of account.

        ``keys`` are values of policy variables, such as ``tenant`` for ``${aws:PrincipalTag/tenant}``.
        """
        return (
            self.effect == "Allow"
            and any(_matches(pattern, action) for pattern in self.actions)
            and any(_matches(_with(pattern, keys), resource) for pattern in self.resources)
        )


def _with(pattern: str, keys: dict[str, str]) -> str:
    for name, value in keys.items():
        pattern = pattern.replace(f"${{aws:PrincipalTag/{name}}}", value)
    return pattern


def _matches(pattern: str, text: str) -> bool:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.IGNORECASE) is not None


def _listed(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list) else (value,)


def statements(document: dict[str, Any]) -> list[Statement]:
    """The statements of a policy document."""
    return [
        Statement(
            effect=each["Effect"],
            actions=_listed(each.get("Action", [])),
            resources=_listed(each.get("Resource", [])),
            condition=each.get("Condition", {}),
            principal=each.get("Principal"),
        )
        for each in _listed(document["Statement"])
    ]


class Deployed:
    """All resources that one stage has, by logical id, with every intrinsic resolved."""

    def __init__(self, stage: str, architecture: str) -> None:
        template = copy.deepcopy(source())
        for resource in template["Resources"].values():
            # The translator takes what `sam deploy` leaves: code in a bucket.
            for name in {"CodeUri", "ContentUri"} & resource["Properties"].keys():
                resource["Properties"][name] = "s3://bucket/key"
        self._parameters = {name: each.get("Default", "") for name, each in template["Parameters"].items()}
        self._parameters |= {"Stage": stage, "Architecture": architecture}
        translator = Translator({}, Parser(), boto_session=boto3.session.Session(region_name=REGION))
        self._template = translator.translate(template, dict(self._parameters))
        self._raw = self._template["Resources"]
        self.resources: dict[str, dict[str, Any]] = {
            name: self._resolved(each)
            for name, each in self._raw.items()
            if "Condition" not in each or self._holds(each["Condition"])
        }
        self.outputs: dict[str, Any] = self._resolved(self._template["Outputs"])
        self.rules: dict[str, Any] = self._template["Rules"]

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of all resources of a type, by logical id."""
        found = self.resources.items()
        return {name: each.get("Properties", {}) for name, each in found if each["Type"] == kind}

    def role_statements(self, role: str) -> list[Statement]:
        """What a role may do, by its logical id: its own policies and the template's managed ones."""
        properties = self.of("AWS::IAM::Role")[role]
        documents = [each["PolicyDocument"] for each in properties.get("Policies", ())]
        managed = {
            _ARNS["AWS::IAM::ManagedPolicy"] % name: each for name, each in self.of("AWS::IAM::ManagedPolicy").items()
        }
        documents += [
            managed[arn]["PolicyDocument"] for arn in properties.get("ManagedPolicyArns", ()) if arn in managed
        ]
        return [each for document in documents for each in statements(document)]

    def trust_statements(self, role: str) -> list[Statement]:
        """Who may assume a role, by its logical id."""
        return statements(self.of("AWS::IAM::Role")[role]["AssumeRolePolicyDocument"])

    def arn(self, name: str) -> str:
        """The ARN of a resource, by its logical id."""
        kind = self._raw[name]["Type"]
        return _ARNS[kind] % self._name(name)

    def _name(self, name: str) -> str:
        resource = self._raw[name]
        attribute = _NAMES.get(resource["Type"])
        return str(self._resolved(resource["Properties"][attribute])) if attribute else name

    def _holds(self, condition: str) -> bool:
        return bool(self._resolved(self._template["Conditions"][condition]))

    def _ref(self, name: str) -> Any:
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name == "AWS::NoValue":
            return _ABSENT
        if name in self._parameters:
            return self._parameters[name]
        return self.arn(name) if self._raw[name]["Type"] in _REF_IS_ARN else self._name(name)

    def _attribute(self, name: str, attribute: str) -> str:
        match attribute:
            case "Arn" | "Id":
                return self.arn(name)
            case "QueueName":
                return self._name(name)
            case "StreamArn":
                return f"{self.arn(name)}/stream/now"
            case _:
                return f"{name}.{attribute}"

    def _substituted(self, value: Any) -> str:
        text, own = (value, {}) if isinstance(value, str) else (value[0], self._resolved(value[1]))

        def replacement(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in own:
                return str(own[name])
            logical, dot, attribute = name.partition(".")
            return self._attribute(logical, attribute) if dot else str(self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", replacement, text)

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, list):
            return [each for each in map(self._resolved, value) if each is not _ABSENT]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), *_ = value.items()
            if (intrinsic := self._intrinsics.get(name)) and not (name == "Condition" and isinstance(argument, dict)):
                return intrinsic(argument)
        resolved = {key: self._resolved(each) for key, each in value.items()}
        return {key: each for key, each in resolved.items() if each is not _ABSENT}

    @property
    def _intrinsics(self) -> dict[str, Callable[[Any], Any]]:
        resolved = self._resolved
        return {
            "Ref": self._ref,
            "Condition": self._holds,
            "Fn::GetAtt": lambda of: self._attribute(*(of if isinstance(of, list) else of.split(".", 1))),
            "Fn::Sub": self._substituted,
            "Fn::Join": lambda of: of[0].join(str(each) for each in resolved(of[1])),
            "Fn::If": lambda of: resolved(of[1] if self._holds(of[0]) else of[2]),
            "Fn::Equals": lambda of: resolved(of[0]) == resolved(of[1]),
            "Fn::Not": lambda of: not resolved(of[0]),
        }


@lru_cache(maxsize=8)
def deployed(stage: str = "production", architecture: str = "arm64") -> Deployed:
    """What a stage consists of; the same object at every call: read it, change nothing."""
    return Deployed(stage, architecture)
