"""Enforces the roles of EventBridge targets. MiniStack alone starts any state machine that a rule names as a target.

MiniStack also forwards events to any bus in the same region, and loses events for a bus in another region.
"""

from __future__ import annotations

import contextvars
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.iam.principals import role_principal
from cdk_processing.local.aws.iam.trust import service_may_assume, service_may_deliver
from cdk_processing.local.aws.kms.keys import key_policy
from cdk_processing.local.aws.sqs.queues import queue_key, queue_policy, send_to_queue
from cdk_processing.local.injection import Faults

__all__ = ["forward_with_role", "remember_target", "start_refusal", "start_with_role"]

logger = logging.getLogger(__name__)

_EVENTS = "ministack.services.eventbridge"
_SERVICE = "events.amazonaws.com"
_target: contextvars.ContextVar[tuple[Mapping[str, Any], Mapping[str, Any]] | None] = contextvars.ContextVar(
    "rule_target", default=None
)


def start_refusal(role_arn: str | None, service: str, source_arn: str, machine_arn: str) -> str | None:
    """Why a service may not start a state machine with a role, or None if it may."""
    if not role_arn:
        return f"RoleArn is required for target {machine_arn}"
    account = ministack.scope()[0]
    if not service_may_assume(role_arn, service, account, source_arn):
        return f"{service} is not authorized to assume the role {role_arn} for {source_arn}"
    # To start an alias or a version, the role needs permission on the state machine itself.
    denial = role_principal(role_arn, service.partition(".")[0]).denial("states:StartExecution", machine_arn)
    machine = ministack.internal("ministack.services.stepfunctions", "_state_machines").get(machine_arn)
    if denial is None and machine is not None and machine.get("status") == "DELETING":
        return f"State machine is deleting: {machine_arn}"
    return denial


def remember_target(invoke: Callable[..., None]) -> Callable[..., None]:
    """Remember the rule and the target of a delivery, for the dispatch functions below."""

    def invoke_target(target: Mapping[str, Any], event: Any, rule: Mapping[str, Any], view: Any = None) -> None:
        token = _target.set((target, rule))
        try:
            invoke(target, event, rule, view)
        finally:
            _target.reset(token)

    return invoke_target


def start_with_role(faults: Faults, start: Callable[..., None]) -> Callable[..., None]:
    """Check the target's role before a rule starts a state machine. Refused events go to the dead-letter queue."""

    def dispatch_to_stepfunctions(arn: str, payload: str) -> None:
        found = _target.get()
        if found is None:
            start(arn, payload)
            return
        target, rule = found
        refusal = start_refusal(target.get("RoleArn"), _SERVICE, rule.get("Arn", ""), arn)
        if refusal is None:
            start(arn, payload)
        else:
            logger.warning("rule %s did not start %s: %s", rule.get("Arn"), arn, refusal)
            _send_to_dead_letters(faults, payload, target, rule, refusal)

    return dispatch_to_stepfunctions


def forward_with_role(faults: Faults, forward: Callable[..., None]) -> Callable[..., None]:
    """Check the target's role before a rule forwards an event to a bus. Also forward to other regions."""

    def dispatch_to_event_bus(spec: Any, event: Mapping[str, Any], rule: Mapping[str, Any], *more: Any) -> None:
        account, region = ministack.scope()
        found = _target.get()
        if found is not None:
            target, _ = found
            refusal = _forward_refusal(target.get("RoleArn"), rule.get("Arn", ""), str(target.get("Arn")))
            if refusal is not None:
                logger.warning("rule %s did not forward to %s: %s", rule.get("Arn"), target.get("Arn"), refusal)
                payload = ministack.internal(_EVENTS, "_pattern_event_view")(event).event_with_detail()
                _send_to_dead_letters(faults, json.dumps(payload), target, rule, refusal)
                return
        with ministack.request_scope(account, spec.region if spec.account_id == account else region):
            forward(spec, event, rule, *more)

    return dispatch_to_event_bus


def _forward_refusal(role_arn: str | None, source_arn: str, bus_arn: str) -> str | None:
    """Why the target's role may not put events on a bus, or None if it may. A bus in the same region needs no role."""
    if not role_arn:
        return None
    if not service_may_assume(role_arn, _SERVICE, ministack.scope()[0], source_arn):
        return f"{_SERVICE} is not authorized to assume the role {role_arn} for {source_arn}"
    return role_principal(role_arn, "events").denial("events:PutEvents", bus_arn)


def _send_to_dead_letters(
    faults: Faults, payload: str, target: Mapping[str, Any], rule: Mapping[str, Any], refusal: str
) -> None:
    """Send an undelivered event to the target's dead-letter queue, if the policies of queue and key allow it."""
    queue = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not queue:
        return
    account = ministack.scope()[0]
    source = rule.get("Arn", "")
    if not service_may_deliver(queue_policy(queue), _SERVICE, "sqs:SendMessage", queue, account, source):
        logger.warning("event lost: the policy of %s does not let %s send to it", queue, _SERVICE)
        return
    key = queue_key(queue)
    if key is not None:
        policy = key_policy(key)
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):
            if not service_may_deliver(policy, _SERVICE, action, key, account, source):
                logger.warning("event lost: the policy of %s does not allow %s to %s", key, action, _SERVICE)
                return
    # EventBridge's own call is not an HTTP request, so the code that injects faults into requests does not see it.
    if faults and faults.for_call("sqs", "SendMessage") is not None:
        logger.warning("event lost: a fault keeps %s from %s", _SERVICE, queue)
        return
    send_to_queue(
        queue,
        payload,
        {
            "RULE_ARN": source,
            "TARGET_ARN": str(target.get("Arn")),
            "ERROR_CODE": "NO_PERMISSIONS",
            "ERROR_MESSAGE": refusal,
        },
    )
