"""Fires schedules when they are due. It replaces MiniStack's loop, which looks every 10 s and knows only UTC."""

from __future__ import annotations

import contextvars
import json
import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

from cdk_processing.errors import ScheduleError
from cdk_processing.local import ministack
from cdk_processing.local.aws.iam.assumed_roles import AssumedRole, AssumedRoles
from cdk_processing.local.aws.iam.trust import service_may_assume
from cdk_processing.local.aws.scheduler.store import forget_schedule, schedules
from cdk_processing.local.faults import SchedulesRepeated
from cdk_processing.local.injection import Faults
from cdk_processing.schedules.recorded import schedule_of, substitute

__all__ = ["Scheduler", "keep_every_property"]

logger = logging.getLogger(__name__)

_SERVICE = "scheduler.amazonaws.com"
# The clock looks for new and changed schedules this often. Known schedules fire on time.
_LOOK_EVERY = 1.0


class Scheduler:
    """The clock of EventBridge Scheduler."""

    def __init__(self, roles: AssumedRoles, faults: Faults) -> None:
        self._roles = roles
        self._faults = faults
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._calls = ThreadPoolExecutor(8, "schedule")
        # The last time that each schedule has fired, since its last change.
        self._fired: dict[tuple[Any, ...], datetime] = {}

    def start(self) -> None:
        """Start the clock."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop the clock."""
        self._ended.set()
        self._calls.shutdown(wait=False, cancel_futures=True)

    def fire(self, name: str, at: datetime, group: str | None = None) -> str:
        """Fire a schedule of the current account and region as of an instant; returns its execution id.

        Raises:
            ValueError: There is no such schedule, or several groups have one of this name.
        """
        place = ministack.scope()
        found = [
            record
            for key, record in schedules()
            if key[:2] == place and record["Name"] == name and group in (None, record["GroupName"])
        ]
        if not found:
            known = ", ".join(sorted(record["Name"] for key, record in schedules() if key[:2] == place))
            raise ValueError(f"there is no schedule {name!r}; there are: {known or 'none'}")
        if len(found) > 1:
            groups = ", ".join(record["GroupName"] for record in found)
            raise ValueError(f"schedule {name!r} is in more than one group ({groups}); say which")
        return self._fire(found[0], at)

    def _run(self) -> None:
        while not self._ended.is_set():
            wait = _LOOK_EVERY
            try:
                wait = self._look(datetime.now(timezone.utc))
            except Exception:
                logger.exception("the scheduler failed; it goes on")
            self._ended.wait(wait)

    def _look(self, now: datetime) -> float:
        """Fire the schedules that are due; returns the seconds to sleep."""
        wait = _LOOK_EVERY
        known = {}
        for place, record in schedules():
            key = (*place, record["LastModificationDate"])
            changed = datetime.fromtimestamp(record["LastModificationDate"], timezone.utc)
            last = known[key] = self._fired.get(key, changed - timedelta(microseconds=1))
            if record.get("State") != "ENABLED":
                continue
            try:
                schedule = schedule_of(record)
                due = schedule.next_after(last)
            except ScheduleError as problem:
                logger.debug("schedule %s never fires: %s", record["Arn"], problem)
                continue
            if due is None:
                self._complete(place, record)
                continue
            moment = schedule.fires_at(due, record["Arn"])
            if moment <= now:
                known[key] = due
                with ministack.request_scope(*place[:2]):
                    self._calls.submit(contextvars.copy_context().run, self._fire, record, due)
                wait = 0.0
            else:
                wait = min(wait, (moment - now).total_seconds())
        self._fired = known
        return wait

    @staticmethod
    def _complete(place: tuple[str, str, str], record: Mapping[str, Any]) -> None:
        if record.get("ActionAfterCompletion") == "DELETE":
            forget_schedule(place)

    def _fire(self, record: Mapping[str, Any], scheduled: datetime) -> str:
        struck = self._faults.for_schedule() if self._faults else None
        copies = struck.fault.copies if struck and isinstance(struck.fault, SchedulesRepeated) else 1
        first, *_ = [self._deliver(record, scheduled) for _ in range(copies)]
        return first

    def _deliver(self, record: Mapping[str, Any], scheduled: datetime) -> str:
        execution_id = str(uuid4())
        target = record["Target"]
        payload = target.get("Input") or _default_event(record, scheduled)
        payload = substitute(payload, scheduled, record["Arn"], execution_id, 1)
        account, region = ministack.scope()
        # AWS puts the schedule's group into aws:SourceArn, not the schedule.
        group = f"arn:aws:scheduler:{region}:{account}:schedule-group/{record['GroupName']}"
        if not service_may_assume(target["RoleArn"], _SERVICE, account, group):
            logger.warning("schedule %s did not fire: %s may not assume %s", record["Arn"], _SERVICE, target["RoleArn"])
            return execution_id
        role = self._roles.assume(target["RoleArn"], region, "scheduler")
        try:
            _call_target(role, target, payload)
        except Exception as problem:
            logger.warning("schedule %s did not reach its target %s: %s", record["Arn"], target["Arn"], problem)
            _send_to_dead_letters(role, record, payload, execution_id, scheduled, problem)
        return execution_id


def keep_every_property(name: str, properties: Mapping[str, Any]) -> None:
    """MiniStack's CloudFormation drops the timezone, the dates and the action after completion of a schedule."""
    account, region = ministack.scope()
    place = (account, region, f"{properties.get('GroupName', 'default')}/{name}")
    for found, record in schedules():
        if found == place:
            record["ScheduleExpressionTimezone"] = properties.get("ScheduleExpressionTimezone", "UTC")
            record["ActionAfterCompletion"] = properties.get("ActionAfterCompletion", "NONE")
            record.update({key: properties.get(key) for key in ("StartDate", "EndDate", "KmsKeyArn")})
            record["LastModificationDate"] = time.time()


def _default_event(record: Mapping[str, Any], scheduled: datetime) -> str:
    account, region = ministack.scope()
    return json.dumps(
        {
            "version": "0",
            "id": str(uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": account,
            "time": scheduled.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": region,
            "resources": [record["Arn"]],
            "detail": "{}",
        }
    )


def _call_target(role: AssumedRole, target: Mapping[str, Any], payload: str) -> None:
    arn = target["Arn"]
    service = arn.split(":")[2]
    if service == "states":
        role.client("stepfunctions").start_execution(stateMachineArn=arn, input=payload)
    elif service == "sqs":
        group = (target.get("SqsParameters") or {}).get("MessageGroupId")
        extra = {"MessageGroupId": group} if group else {}
        role.client("sqs").send_message(QueueUrl=_queue_url(role, arn), MessageBody=payload, **extra)
    elif service == "sns":
        role.client("sns").publish(TopicArn=arn, Message=payload)
    elif service == "lambda":
        role.client("lambda").invoke(FunctionName=arn, InvocationType="Event", Payload=payload.encode())
    elif service == "events":
        event = target.get("EventBridgeParameters") or {}
        entry = {"EventBusName": arn, "Detail": payload, **{key: event[key] for key in ("DetailType", "Source")}}
        role.client("events").put_events(Entries=[entry])
    elif service == "scheduler" and ":aws-sdk:" in arn:
        _universal_call(role, arn, payload)
    else:
        raise ValueError(f"the embedded AWS cannot call {arn} from a schedule yet")


def _universal_call(role: AssumedRole, arn: str, payload: str) -> None:
    """``arn:aws:scheduler:::aws-sdk:<service>:<action>``."""
    from botocore import xform_name

    from cdk_processing.local.api_models.sdk_names import find_operation, service_name
    from cdk_processing.local.api_models.shapes import sdk_request

    name, _, action = arn.partition(":aws-sdk:")[2].partition(":")
    client = role.client(service_name(name))
    operation = find_operation(client, action)
    shape = client.meta.service_model.operation_model(operation).input_shape
    getattr(client, xform_name(operation))(**sdk_request(shape, json.loads(payload)))


def _queue_url(role: AssumedRole, queue_arn: str) -> str:
    account, name = queue_arn.split(":")[4:6]
    return f"{role.endpoint_url}/{account}/{name}"


def _send_to_dead_letters(
    role: AssumedRole,
    record: Mapping[str, Any],
    payload: str,
    execution_id: str,
    scheduled: datetime,
    problem: Exception,
) -> None:
    """Send an undelivered event to the schedule's dead-letter queue, with the schedule's role."""
    queue = (record["Target"].get("DeadLetterConfig") or {}).get("Arn")
    if not queue:
        return
    attributes = {
        "ERROR_CODE": getattr(problem, "response", {}).get("Error", {}).get("Code", type(problem).__name__),
        "ERROR_MESSAGE": str(problem),
        "EXECUTION_ID": execution_id,
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": "0",
        "SCHEDULED_TIME": scheduled.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "SCHEDULE_ARN": record["Arn"],
        "TARGET_ARN": record["Target"]["Arn"],
    }
    try:
        role.client("sqs").send_message(
            QueueUrl=_queue_url(role, queue),
            MessageBody=payload,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        )
    except Exception as lost:
        logger.warning("the event of schedule %s is lost: %s", record["Arn"], lost)
