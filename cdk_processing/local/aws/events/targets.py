"""EventBridge rules held to their targets' roles: MiniStack starts a state machine for any rule that names it.

It forwards events to any bus of the same region, and loses those for a bus of another region.
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
    """Why a service may not start a state machine with a role, or None."""
    if not role_arn:
        return f"RoleArn is required for target {machine_arn}"
    account = ministack.scope()[0]
    if not service_may_assume(role_arn, service, account, source_arn):
        return f"{service} is not authorized to assume the role {role_arn} for {source_arn}"
    # An alias or a version is started with permission on the state machine itself.
    denial = role_principal(role_arn, service.partition(".")[0]).denial("states:StartExecution", machine_arn)
    machine = ministack.internal("ministack.services.stepfunctions", "_state_machines").get(machine_arn)
    if denial is None and machine is not None and machine.get("status") == "DELETING":
        return f"State machine is deleting: {machine_arn}"
    return denial


def remember_target(invoke: Callable[..., None]) -> Callable[..., None]:
    """Remember which target of which rule is called, for the dispatcher below."""

    def invoke_target(target: Mapping[str, Any], event: Any, rule: Mapping[str, Any], view: Any = None) -> None:
        token = _target.set((target, rule))
        try:
            invoke(target, event, rule, view)
        finally:
            _target.reset(token)

    return invoke_target


def start_with_role(faults: Faults, start: Callable[..., None]) -> Callable[..., None]:
    """Check the target's role before a rule starts a state machine; what is refused goes to the dead-letter queue."""

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
    """Check the target's role before a rule forwards an event to a bus; and forward to other regions too."""

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
    """Why a rule may not put events on a bus with its target's role, or None; a bus of its own region needs none."""
    if not role_arn:
        return None
    if not service_may_assume(role_arn, _SERVICE, ministack.scope()[0], source_arn):
        return f"{_SERVICE} is not authorized to assume the role {role_arn} for {source_arn}"
    return role_principal(role_arn, "events").denial("events:PutEvents", bus_arn)


def _send_to_dead_letters(
    faults: Faults, payload: str, target: Mapping[str, Any], rule: Mapping[str, Any], refusal: str
) -> None:
    """Put what could not be delivered into the target's dead-letter queue, where queue and key let EventBridge."""
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
    # EventBridge's own call does not pass the wire, where faults strike those of others.
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
