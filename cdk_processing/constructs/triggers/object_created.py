"""Launch a job for each object that arrives in a bucket."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from cdk_processing.constructs.resources import path_of, resource
from cdk_processing.constructs.storage import send_events
from cdk_processing.constructs.triggers.base import ALWAYS_KNOWN, OBJECT_VALUES, Launch
from cdk_processing.errors import Problem
from cdk_processing.request.location import S3Location
from cdk_processing.request.runtime import RunTimeValue, has_run_time_value

__all__ = ["OnObjectCreated"]


@dataclass(frozen=True, slots=True)
class OnObjectCreated:
    """One run for each object created under a prefix, by an upload, a copy or a finished multipart upload.

    Objects of size 0, which consoles make for folders, launch nothing. S3 tells of an object at least once, mostly
    within seconds; a second telling of the same version makes no second job.

    Args:
        location: The bucket and the key prefix to watch: ``bucket.at("census/")``.
        suffix: Only keys that end so, for example ``.csv``.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html
    """

    location: S3Location
    suffix: str = ""

    @property
    def service(self) -> str:
        """EventBridge starts the state machine."""
        return "events.amazonaws.com"

    @property
    def watched(self) -> S3Location | None:
        """The watched prefix."""
        return self.location

    def supplies(self, value: RunTimeValue) -> bool:
        """All values of the object, and parameters that have a default."""
        return value.name in ALWAYS_KNOWN | OBJECT_VALUES or value.default is not None

    def describe(self) -> str:
        """The trigger in a few words."""
        ending = f" ending {self.suffix}" if self.suffix else ""
        return f"object created in {self.location.uri}{ending}"

    def problems(self) -> list[Problem]:
        """What is wrong with the trigger alone."""
        if not isinstance(self.location, S3Location):
            return [Problem("location", self.location, "an S3Location", 'pass bucket.at("prefix/")')]
        found = [problem.inside("location") for problem in self.location.problems()]
        for field, value in (("location.key", self.location.key), ("suffix", self.suffix)):
            if not isinstance(value, str):
                found.append(Problem(field, value, "a str", "write it as text"))
            elif has_run_time_value(value):
                found.append(Problem(field, value, "known at synth: nothing runs yet", "leave the run-time value out"))
            elif "**" in value:
                found.append(Problem(field, value, "without two * in a row", "EventBridge refuses them"))
        return found

    def bind(self, launch: Launch) -> None:
        """Make the rule."""
        send_events(self.location, launch.scope)
        resource(
            launch.scope,
            launch.construct_id,
            "AWS::Events::Rule",
            {
                "Description": f"Launches {path_of(launch.scope)}"[:512],
                "EventPattern": self.pattern(),
                "Targets": [
                    {
                        "Id": "StateMachine",
                        "Arn": launch.state_machine_arn,
                        "RoleArn": launch.role_arn,
                        "DeadLetterConfig": {"Arn": launch.queue_arn},
                    }
                ],
            },
        )

    def pattern(self) -> dict[str, Any]:
        """The event pattern."""
        watched: dict[str, Any] = {"size": [{"numeric": [">", 0]}]}
        if self.location.key or self.suffix:
            watched["key"] = [self._key_filter()]
        return {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [self.location.bucket_name]}, "object": watched},
        }

    def _key_filter(self) -> dict[str, str]:
        if not self.suffix:
            return {"prefix": self.location.key}
        if not self.location.key:
            return {"suffix": self.suffix}
        # Prefix and suffix in one list would mean either; a wildcard means both.
        return {"wildcard": f"{_literal(self.location.key)}*{_literal(self.suffix)}"}


def _literal(text: str) -> str:
    return re.sub(r"[\\*]", lambda match: f"\\{match[0]}", text)
