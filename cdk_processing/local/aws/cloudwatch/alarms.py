"""CloudWatch alarms, evaluated as soon as a new datapoint arrives and whenever somebody asks.

This module fetches the datapoints and sends each change of state to SNS topics. ``alarm_rules.py`` computes the state.
"""

from __future__ import annotations

import functools
import json
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import datetime, timezone
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.cloudwatch.alarm_rules import COMPARISONS, AlarmRule, State
from cdk_processing.local.aws.cloudwatch.metrics import Metric, Metrics
from cdk_processing.local.aws.sns.topics import publish_as_service

__all__ = ["Alarms", "refuse_too_long"]

logger = logging.getLogger(__name__)

_CLOUDWATCH = "ministack.services.cloudwatch"
_SERVICE = "cloudwatch.amazonaws.com"
_ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
_DAY = 86_400
_ANSWERS_WITHIN = 30.0


class Alarms:
    """The alarms of every account and region.

    Args:
        metrics: The metrics that hold the datapoints.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._alerts: list[dict[str, Any]] = []
        # The instant to evaluate at; None is now.
        self._as_of: float | None = None

    def all(self, at: datetime | None = None) -> list[dict[str, Any]]:
        """Every alarm, evaluated as of an instant. Do not call it on the thread that serves requests."""
        found: list[dict[str, Any]] = _on_main_loop(lambda: self._evaluate_all(at))
        return found

    def alerts(self) -> list[dict[str, Any]]:
        """Every notification that a topic accepted, oldest first. Do not call it on the thread that serves requests."""
        _on_main_loop(self._metrics.store)
        return list(self._alerts)

    def reset(self) -> None:
        """Forget all notifications."""
        self._alerts.clear()

    # -- evaluation

    def _evaluate_all(self, at: datetime | None) -> list[dict[str, Any]]:
        self._metrics.store()
        found = []
        self._as_of = at.timestamp() if at is not None else None
        try:
            for place in _places():
                with ministack.request_scope(*place):
                    for alarm in _alarms():
                        self._evaluate(alarm)
                    found += [_described(alarm) for alarm in (*_alarms(), *_composite_alarms())]
        finally:
            self._as_of = None
        return sorted(found, key=lambda alarm: str(alarm["name"]))

    def evaluate_those_of(self, metrics: set[Metric]) -> None:
        """Evaluate the alarms on metrics that have new datapoints; on the thread that serves requests."""
        for place in {(metric.account, metric.region) for metric in metrics}:
            with ministack.request_scope(*place):
                for alarm in _alarms():
                    if _metric_of(alarm) in metrics:
                        self._evaluate(alarm)

    def _evaluate(self, alarm: dict[str, Any]) -> None:
        metric = _metric_of(alarm)
        if metric is None or alarm.get("ComparisonOperator") not in COMPARISONS:
            logger.debug("the embedded AWS cannot evaluate alarms such as %s", alarm["AlarmName"])
            return
        rule = _rule_of(alarm)
        self._metrics.refresh(metric)
        now = self._as_of if self._as_of is not None else time.time()
        periods = self._metrics.periods(metric, now, int(alarm["Period"]), rule.periods, alarm.get("Unit"))
        state: State = alarm["StateValue"]
        verdict = rule.judge([_statistic(alarm, points) for points in periods], state)
        if verdict.state == state:
            return
        alarm.update(
            StateValue=verdict.state,
            StateReason=verdict.reason,
            StateUpdatedTimestamp=int(now),
            StateTransitionedTimestamp=int(now),
        )
        ministack.internal(_CLOUDWATCH, "_record_history")(alarm["AlarmName"], state, verdict.state, verdict.reason)
        self.act(alarm, state, verdict.state, verdict.reason)
        ministack.internal(_CLOUDWATCH, "_evaluate_parent_alarms")(alarm)

    # -- actions

    def act(self, alarm: Mapping[str, Any], old_state: str, new_state: str, reason: str) -> None:
        """Send the notifications of an alarm that has changed its state."""
        if not alarm.get("ActionsEnabled", True):
            return
        now = self._as_of if self._as_of is not None else time.time()
        message = _message(alarm, old_state, new_state, reason, now)
        subject = f'{new_state}: "{alarm["AlarmName"]}" in {_region_name(ministack.scope()[1])}'[:100]
        for topic in dict.fromkeys(alarm.get(_ACTIONS[new_state]) or ()):
            if topic.split(":")[2:3] != ["sns"]:
                logger.warning("alarm %s: the embedded AWS does not carry out the action %s", alarm["AlarmName"], topic)
                continue
            text = json.dumps(message, separators=(",", ":"))
            refusal = publish_as_service(_SERVICE, alarm["AlarmArn"], topic, subject, text)
            if refusal is not None:
                logger.warning("the notification of alarm %s is lost: %s", alarm["AlarmName"], refusal)
                continue
            self._alerts.append(
                {
                    "topic_arn": topic,
                    "alarm": alarm["AlarmName"],
                    "state": new_state,
                    "description": alarm.get("AlarmDescription") or "",
                    "message": message,
                }
            )


def _on_main_loop(function: Callable[[], Any]) -> Any:
    done: Future[Any] = Future()

    def run() -> None:
        try:
            done.set_result(function())
        except Exception as problem:
            done.set_exception(problem)

    ministack.main_loop_call(run)
    return done.result(_ANSWERS_WITHIN)


def _places() -> list[tuple[str, str]]:
    stores = [ministack.internal(_CLOUDWATCH, name)._data for name in ("_alarms", "_composite_alarms")]
    return sorted({(account, region) for store in stores for account, region, _ in store})


def _alarms() -> list[dict[str, Any]]:
    return list(ministack.internal(_CLOUDWATCH, "_alarms").values())


def _composite_alarms() -> list[dict[str, Any]]:
    return list(ministack.internal(_CLOUDWATCH, "_composite_alarms").values())


def _metric_of(alarm: Mapping[str, Any]) -> Metric | None:
    namespace, name = alarm.get("Namespace"), alarm.get("MetricName")
    if not namespace or not name:
        return None
    dimensions = [(each["Name"], str(each["Value"])) for each in alarm.get("Dimensions") or ()]
    return Metric.here(namespace, name, dimensions)


def _rule_of(alarm: Mapping[str, Any]) -> AlarmRule:
    periods = int(alarm["EvaluationPeriods"])
    # "Alarms that evaluate metrics in the AWS/DynamoDB namespace always ignore missing data" (PutMetricAlarm).
    missing = "ignore" if alarm["Namespace"] == "AWS/DynamoDB" else alarm.get("TreatMissingData") or "missing"
    return AlarmRule(
        comparison=alarm["ComparisonOperator"],
        threshold=float(alarm["Threshold"]),
        evaluation_periods=periods,
        datapoints_to_alarm=int(alarm.get("DatapointsToAlarm") or periods),
        missing=missing,
    )


def _statistic(alarm: Mapping[str, Any], points: list[Any]) -> float | None:
    if not points:
        return None
    name = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    statistics = ministack.internal(_CLOUDWATCH, "_calc_stats")(points)
    value = ministack.internal(_CLOUDWATCH, "_stat_value")(statistics, name, points)
    return None if value is None else float(value)


def refuse_too_long(put: Callable[[Mapping[str, Any]], None]) -> Callable[[Mapping[str, Any]], None]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html: EvaluationPeriods."""

    def put_metric_alarm(alarm: Mapping[str, Any]) -> None:
        period, periods = int(alarm["Period"]), int(alarm["EvaluationPeriods"])
        days = 7 if period >= 3600 else 1
        if period * periods > days * _DAY:
            raise ValueError(
                f"Metrics cannot be checked across more than {'a day' if days == 1 else '7 days'} "
                f"(EvaluationPeriods * Period must be <= {days * _DAY}, got {periods} * {period})."
            )
        put(alarm)

    return put_metric_alarm


def _described(alarm: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": alarm["AlarmName"],
        "arn": alarm["AlarmArn"],
        "description": alarm.get("AlarmDescription") or "",
        "state": alarm["StateValue"],
        "reason": alarm.get("StateReason") or "",
    }


def _message(alarm: Mapping[str, Any], old: str, new: str, reason: str, now: float) -> dict[str, Any]:
    """The message that CloudWatch publishes: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-actions.html."""
    account, region = ministack.scope()
    message = {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription") or None,
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": _written(alarm.get("AlarmConfigurationUpdatedTimestamp") or now),
        "NewStateValue": new,
        "NewStateReason": reason,
        "StateChangeTime": _written(now),
        "Region": _region_name(region),
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": old,
        **{field: list(alarm.get(field) or ()) for field in ("OKActions", "AlarmActions", "InsufficientDataActions")},
    }
    if "AlarmRule" in alarm:
        return {**message, "AlarmRule": alarm["AlarmRule"]}
    percentile = alarm.get("ExtendedStatistic")
    message["Trigger"] = {
        "MetricName": alarm.get("MetricName"),
        "Namespace": alarm.get("Namespace"),
        "StatisticType": "ExtendedStatistic" if percentile else "Statistic",
        **({"ExtendedStatistic": percentile} if percentile else {"Statistic": str(alarm.get("Statistic")).upper()}),
        "Unit": alarm.get("Unit"),
        "Dimensions": [{"value": each["Value"], "name": each["Name"]} for each in alarm.get("Dimensions") or ()],
        "Period": int(alarm["Period"]),
        "EvaluationPeriods": int(alarm["EvaluationPeriods"]),
        **({"DatapointsToAlarm": alarm["DatapointsToAlarm"]} if alarm.get("DatapointsToAlarm") else {}),
        "ComparisonOperator": alarm.get("ComparisonOperator"),
        "Threshold": float(alarm["Threshold"]),
        "TreatMissingData": alarm.get("TreatMissingData") or "missing",
        "EvaluateLowSampleCountPercentile": "",
    }
    return message


def _written(moment: float) -> str:
    text = datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "+0000"


@functools.cache
def _region_name(region: str) -> str:
    """The console's name of a region: ``US East (N. Virginia)``."""
    from cdk_processing.local.api_models.loader import shared_loader

    for partition in shared_loader().load_data("partitions")["partitions"]:
        if region in partition["regions"]:
            return str(partition["regions"][region].get("description") or region)
    return region
