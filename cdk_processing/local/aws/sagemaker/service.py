"""The SageMaker operations: their permissions, checks and responses."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.iam.principals import Principal, caller
from cdk_processing.local.aws.sagemaker.errors import ServiceError, limit_exceeded, validation
from cdk_processing.local.aws.sagemaker.jobs import ProcessingJobs, SageMakerJob, job_arn
from cdk_processing.local.aws.sagemaker.rules import check_request, create_context
from cdk_processing.local.aws.sagemaker.validation import OPERATIONS, is_operation, validate
from cdk_processing.local.faults import AnswerLost, CallFails, QuotaExceeded
from cdk_processing.local.injection import Faults
from cdk_processing.local.wire.faulty_calls import LOSE_ANSWER

__all__ = ["AnswerLostError", "SageMaker"]

logger = logging.getLogger(__name__)

_JSON = "application/x-amz-json-1.1"
_MOST_TAGS = 50
_PAGE = 10
_SORT_KEYS: Mapping[str, Callable[[SageMakerJob], Any]] = {
    "Name": lambda job: job.name,
    "CreationTime": lambda job: job.describe()["CreationTime"],
    "Status": lambda job: job.status,
}
_SUMMARY = (
    "ProcessingJobName",
    "ProcessingJobArn",
    "CreationTime",
    "ProcessingEndTime",
    "LastModifiedTime",
    "ProcessingJobStatus",
    "FailureReason",
    "ExitMessage",
)


class AnswerLostError(Exception):
    """The call succeeded, but a fault loses its response."""

    def __init__(self, *, retried: bool) -> None:
        super().__init__("the answer is lost")
        self.retried = retried


class SageMaker:
    """The service: one instance for the whole embedded AWS. It keeps accounts and regions apart."""

    def __init__(self, jobs: ProcessingJobs, faults: Faults) -> None:
        self.jobs = jobs
        self._faults = faults
        self._operations: dict[str, Callable[[Mapping[str, Any], Principal], dict[str, Any]]] = {
            "CreateProcessingJob": self._create,
            "DescribeProcessingJob": self._describe,
            "ListProcessingJobs": self._list,
            "StopProcessingJob": self._stop,
            "AddTags": self._add_tags,
            "ListTags": self._list_tags,
            "DeleteTags": self._delete_tags,
        }

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query_params: Mapping[str, Any]
    ) -> tuple[int, dict[str, str], bytes]:
        """Answer one request of the JSON 1.1 protocol."""
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        try:
            request = json.loads(body or b"{}")
            principal = caller(headers)
            context = contextvars.copy_context()
            # In a thread, to keep the event loop free: the first request loads a 3 MB service model.
            answer = await asyncio.to_thread(context.run, self.call, operation, request, principal)
            return _answer(200, answer)
        except json.JSONDecodeError as error:
            return _error(ServiceError("SerializationException", f"the body is not JSON: {error}"))
        except PermissionError as refused:
            return _error(ServiceError("UnrecognizedClientException", str(refused)))
        except ServiceError as error:
            return _error(error)
        except AnswerLostError:
            return 200, {LOSE_ANSWER: "true"}, b""
        except Exception:
            logger.exception("SageMaker.%s failed", operation)
            return _error(ServiceError("InternalFailure", f"SageMaker.{operation} failed; see the server's log", 500))

    def call(self, operation: str, request: Any, principal: Principal) -> dict[str, Any]:
        """Run one operation for a principal.

        Raises:
            ServiceError: The API returns an error.
            AnswerLostError: The call succeeded, but a fault loses its response.
        """
        struck = self._faults.for_call("sagemaker", operation) if self._faults else None
        match struck.fault if struck else None:
            case CallFails(code=code, message=message, status=status):
                raise ServiceError(code, message, status)
            case AnswerLost(retried=retried):
                self._do(operation, request, principal)
                raise AnswerLostError(retried=retried)
        return self._do(operation, request, principal)

    def _do(self, operation: str, request: Any, principal: Principal) -> dict[str, Any]:
        handler = self._operations.get(operation)
        if handler is None:
            known = "is not an operation of SageMaker" if not is_operation(operation) else "is not supported yet"
            raise ServiceError(
                "UnsupportedOperation",
                f"SageMaker.{operation} {known}: the embedded AWS runs processing jobs ({', '.join(OPERATIONS)})",
            )
        validate(operation, request)
        return handler(request, principal)

    # -- processing jobs

    def _create(self, request: Mapping[str, Any], principal: Principal) -> dict[str, Any]:
        arn = _arn(request["ProcessingJobName"])
        _authorize(principal, "CreateProcessingJob", arn, create_context(request))
        if request.get("Tags"):
            _authorize(principal, "AddTags", arn, create_context(request))
        denial = principal.denial(
            "iam:PassRole", request["RoleArn"], {"iam:PassedToService": "sagemaker.amazonaws.com"}
        )
        if denial is not None:
            raise ServiceError("AccessDeniedException", denial)
        check_request(request)
        self._check_quota(request["ProcessingResources"]["ClusterConfig"])
        return {"ProcessingJobArn": self.jobs.add(request).arn}

    def _check_quota(self, cluster: Mapping[str, Any]) -> None:
        struck = self._faults.for_quota(cluster.get("InstanceType")) if self._faults else None
        if struck is not None and isinstance(struck.fault, QuotaExceeded):
            fault = struck.fault
            requested = fault.requested or cluster["InstanceCount"]
            raise limit_exceeded(
                f"The account-level service limit '{fault.instance_type} for processing job usage' is {fault.limit} "
                f"Instances, with current utilization of {fault.limit} Instances and a request delta of {requested} "
                "Instances. Please use AWS Service Quotas to request an increase for this quota. If AWS Service Quotas "
                "is not available, contact AWS support to request an increase for this quota."
            )

    def _describe(self, request: Mapping[str, Any], principal: Principal) -> dict[str, Any]:
        _authorize(principal, "DescribeProcessingJob", _arn(request["ProcessingJobName"]))
        return self.jobs.get(request["ProcessingJobName"]).describe()

    def _stop(self, request: Mapping[str, Any], principal: Principal) -> dict[str, Any]:
        _authorize(principal, "StopProcessingJob", _arn(request["ProcessingJobName"]))
        self.jobs.stop(request["ProcessingJobName"])
        return {}

    def _list(self, request: Mapping[str, Any], principal: Principal) -> dict[str, Any]:
        _authorize(principal, "ListProcessingJobs", "*")
        found = [job for job in self.jobs.here() if _matches(job, request)]
        # The API's own defaults: newest first.
        found.sort(
            key=_SORT_KEYS[request.get("SortBy", "CreationTime")],
            reverse=request.get("SortOrder", "Descending") == "Descending",
        )
        start = _offset(request.get("NextToken"))
        size = request.get("MaxResults", _PAGE)
        page = found[start : start + size]
        answer: dict[str, Any] = {"ProcessingJobSummaries": [_summary(job) for job in page]}
        if start + size < len(found):
            answer["NextToken"] = f"offset-{start + size}"
        return answer

    # -- tags

    def _tagged(self, request: Mapping[str, Any]) -> SageMakerJob:
        arn = request["ResourceArn"]
        match = re.fullmatch(r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:\d{12}:processing-job/(.+)", arn)
        if match is None:
            raise validation(f"The embedded AWS keeps tags of processing jobs only, not of {arn}")
        job = self.jobs.get(match[1])
        if job.arn != arn.lower():
            raise validation(f"Could not find resource {arn}")
        return job

    def _add_tags(self, request: Mapping[str, Any], principal: Principal) -> dict[str, Any]:
        tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
        context = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
        _authorize(principal, "AddTags", request["ResourceArn"], {**context, "aws:TagKeys": list(tags)})
        job = self._tagged(request)
        merged = {**job.tags, **tags}
        if len(merged) > _MOST_TAGS:
            raise validation(f"A resource can have at most {_MOST_TAGS} tags, this would make {len(merged)}")
        job.tags = merged
        return {"Tags": _tag_list(merged)}

    def _list_tags(self, request: Mapping[str, Any], principal: Principal) -> dict[str, Any]:
        _authorize(principal, "ListTags", request["ResourceArn"])
        return {"Tags": _tag_list(self._tagged(request).tags)}

    def _delete_tags(self, request: Mapping[str, Any], principal: Principal) -> dict[str, Any]:
        _authorize(principal, "DeleteTags", request["ResourceArn"], {"aws:TagKeys": request["TagKeys"]})
        job = self._tagged(request)
        job.tags = {key: value for key, value in job.tags.items() if key not in request["TagKeys"]}
        return {}


def _authorize(principal: Principal, operation: str, resource: str, context: Mapping[str, Any] | None = None) -> None:
    denial = principal.denial(f"sagemaker:{operation}", resource, context)
    if denial is not None:
        raise ServiceError("AccessDeniedException", denial)


def _arn(name: str) -> str:
    account, region = ministack.scope()
    return job_arn(account, region, name)


def _matches(job: SageMakerJob, request: Mapping[str, Any]) -> bool:
    fields = job.describe()
    name = request.get("NameContains")
    return (
        (name is None or name.lower() in job.name.lower())
        and request.get("StatusEquals") in (None, fields["ProcessingJobStatus"])
        and _within(fields["CreationTime"], request.get("CreationTimeAfter"), request.get("CreationTimeBefore"))
        and _within(
            fields["LastModifiedTime"], request.get("LastModifiedTimeAfter"), request.get("LastModifiedTimeBefore")
        )
    )


def _within(moment: float, after: float | None, before: float | None) -> bool:
    return (after is None or moment >= after) and (before is None or moment <= before)


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    match = re.fullmatch(r"offset-(\d+)", token)
    if match is None:
        raise validation("The value of NextToken is not one that ListProcessingJobs gave")
    return int(match[1])


def _summary(job: SageMakerJob) -> dict[str, Any]:
    fields = job.describe()
    return {key: fields[key] for key in _SUMMARY if key in fields}


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _answer(status: int, content: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": _JSON}, json.dumps(content).encode()


def _error(error: ServiceError) -> tuple[int, dict[str, str], bytes]:
    key = "Message" if error.code in ("ResourceInUse", "ResourceNotFound", "ResourceLimitExceeded") else "message"
    return _answer(error.status, {"__type": error.code, key: error.message})
