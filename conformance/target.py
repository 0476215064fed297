"""Where scenarios run, and short ways to make things there that are taken down at the end."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

__all__ = ["Target", "taken_down"]

_T = TypeVar("_T")
_ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


@dataclass
class Target:
    """An account and region of AWS, or an embedded AWS.

    Attributes:
        client: Makes a boto3 client of a service.
        account: The account's id.
        region: The region.
        fire_schedule: Fires a schedule at once, where that can be done; a real schedule is waited for.
        settling_seconds: How long a new role or policy takes to be known everywhere.
        prefix: What the names of all that is made begin with.
    """

    client: Callable[[str], Any]
    account: str
    region: str
    fire_schedule: Callable[[str], object] | None = None
    settling_seconds: float = 0
    prefix: str = field(default_factory=lambda: f"conformance-{uuid.uuid4().hex[:6]}")
    _left: list[tuple[str, Callable[[], object]]] = field(default_factory=list)

    @property
    def is_aws(self) -> bool:
        """Whether it is a real account."""
        return self.fire_schedule is None

    def name(self, base: str) -> str:
        """A name that nothing else has."""
        return f"{self.prefix}-{base}-{uuid.uuid4().hex[:6]}"

    def later(self, what: str, remove: Callable[[], object]) -> None:
        """Take something down at the end; what was made last goes first."""
        self._left.append((what, remove))

    def close(self) -> list[str]:
        """Take down all that was made.

        Returns:
            What could not be taken down, with the reason.
        """
        failed = []
        while self._left:
            what, remove = self._left.pop()
            try:
                remove()
            except (ClientError, BotoCoreError) as error:
                failed.append(f"{what}: {error}")
        return failed

    def until(self, look: Callable[[], _T | None], seconds: float = 120) -> _T:
        """Look until there is something.

        Raises:
            TimeoutError: Nothing came in that time.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = look()
            if found is not None:
                return found
            time.sleep(1 if self.is_aws else 0.1)
        raise TimeoutError(f"nothing came in {seconds:g} s")

    # -- what scenarios make ------------------------------------------------------------------------------------------

    def role(self, service: str, statements: Sequence[Mapping[str, Any]]) -> str:
        """A role that a service can assume; its ARN."""
        iam, name = self.client("iam"), self.name("role")
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy([trust]))["Role"]["Arn"]
        self.later(f"role {name}", lambda: iam.delete_role(RoleName=name))
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=_policy(statements))
            self.later(f"policy of {name}", lambda: iam.delete_role_policy(RoleName=name, PolicyName="inline"))
        time.sleep(self.settling_seconds)
        return arn

    def bucket(self) -> str:
        """A bucket; its objects go with it."""
        s3, name = self.client("s3"), self.name("bucket")
        placed = {} if self.region == "us-east-1" else {"LocationConstraint": self.region}
        s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": placed} if placed else {}))

        def remove() -> None:
            for each in s3.list_objects_v2(Bucket=name).get("Contents", ()):
                s3.delete_object(Bucket=name, Key=each["Key"])
            s3.delete_bucket(Bucket=name)

        self.later(f"bucket {name}", remove)
        return name

    def table(self) -> str:
        """A table whose items are known by ``id``; its name."""
        dynamodb, name = self.client("dynamodb"), self.name("table")
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.later(f"table {name}", lambda: dynamodb.delete_table(TableName=name))
        dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 2})
        return name

    def queue(self, *, sender: str, key: str | None = None) -> tuple[str, str]:
        """A queue that a service may send to; its URL and ARN."""
        sqs, name = self.client("sqs"), self.name("queue")
        arn = f"arn:aws:sqs:{self.region}:{self.account}:{name}"
        allow = {
            "Effect": "Allow",
            "Principal": {"Service": sender},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"StringEquals": {"aws:SourceAccount": self.account}},
        }
        attributes = {"Policy": _policy([allow]), **({"KmsMasterKeyId": key} if key else {})}
        url: str = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.later(f"queue {name}", lambda: sqs.delete_queue(QueueUrl=url))
        return url, arn

    def message(self, url: str, seconds: float = 180) -> dict[str, Any]:
        """The next message of a queue."""
        sqs = self.client("sqs")

        def look() -> dict[str, Any] | None:
            answer = sqs.receive_message(
                QueueUrl=url, WaitTimeSeconds=5 if self.is_aws else 0, MessageAttributeNames=["All"]
            )
            return next(iter(answer.get("Messages", ())), None)

        return self.until(look, seconds)

    def key(self, grant: Mapping[str, Any]) -> str:
        """A key with one more statement in its policy; its ARN."""
        kms = self.client("kms")
        root = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{self.account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
        made = kms.create_key(Policy=_policy([root, grant]), Description=self.prefix)["KeyMetadata"]
        key_id = made["KeyId"]
        self.later(f"key {key_id}", lambda: kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7))
        arn: str = made["Arn"]
        return arn

    def machine(self, definition: Mapping[str, Any], statements: Sequence[Mapping[str, Any]] = ()) -> str:
        """A state machine in JSONata, with a role of its own; its ARN."""
        states, name = self.client("stepfunctions"), self.name("machine")
        role = self.role("states.amazonaws.com", statements)
        text = json.dumps({"QueryLanguage": "JSONata", **definition})
        arn: str = states.create_state_machine(name=name, definition=text, roleArn=role)["stateMachineArn"]
        self.later(f"state machine {name}", lambda: states.delete_state_machine(stateMachineArn=arn))
        return arn

    def run(self, machine: str, given: Any = None, seconds: float = 900) -> dict[str, Any]:
        """Run it to its end: what DescribeExecution says, and ``events``, its history."""
        states = self.client("stepfunctions")
        arn = states.start_execution(stateMachineArn=machine, input=json.dumps(given or {}))["executionArn"]

        def look() -> dict[str, Any] | None:
            described: dict[str, Any] = states.describe_execution(executionArn=arn)
            return described if described["status"] in _ENDED else None

        ended = self.until(look, seconds)
        pages = states.get_paginator("get_execution_history").paginate(executionArn=arn, includeExecutionData=True)
        return {**ended, "events": [event for page in pages for event in page["events"]]}

    def run_state(
        self, state: Mapping[str, Any], given: Any = None, statements: Sequence[Mapping[str, Any]] = ()
    ) -> dict[str, Any]:
        """Run a machine of one state."""
        definition = {"StartAt": "One", "States": {"One": {"End": True, **state}}}
        return self.run(self.machine(definition, statements), given)


@contextlib.contextmanager
def taken_down(target: Target) -> Iterator[list[str]]:
    """Take down what a block made, however it ends; gives what could not be taken down."""
    failed: list[str] = []
    try:
        yield failed
    finally:
        failed += target.close()


def _policy(statements: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
