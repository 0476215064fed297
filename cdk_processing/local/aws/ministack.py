"""The one door to MiniStack: everything of its internals that the embedded AWS uses, behind plain functions.

MiniStack has no plug-in interface, so this stands on private names of the pinned version: ``internals.py`` lists them,
and :func:`verify_internals` checks every one when the server starts. What is *done* with them lives elsewhere: the
SageMaker service in ``sagemaker/``, Step Functions in ``stepfunctions/``, schedules in ``scheduler.py``, rules in
``targets.py``, keys in ``encryption.py``.
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cdk_processing.local.aws.internals import InternalsMovedError, internal, replace_internal, verify_internals

__all__ = [
    "Credentials",
    "InternalsMovedError",
    "Principal",
    "WireHandler",
    "WireResponse",
    "after_provisioning",
    "application",
    "bucket_key",
    "caller",
    "count_loopback_as_tls",
    "credentials_for_role",
    "current_role_id",
    "forget_schedule",
    "internal",
    "key_arn",
    "key_policy",
    "main_loop_call",
    "put_event",
    "queue_key",
    "queue_policy",
    "register_service",
    "replace_internal",
    "request_scope",
    "role_principal",
    "schedules",
    "scope",
    "send_to_queue",
    "service_may_assume",
    "service_may_deliver",
    "verify_internals",
]

WireResponse = tuple[int, dict[str, str], bytes]


class WireHandler(Protocol):
    """A service as MiniStack calls it."""

    def __call__(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query_params: Mapping[str, Any]
    ) -> Awaitable[WireResponse]:
        """Answer one request."""


# -- server ------------------------------------------------------------------------------------------------------


def application() -> Callable[..., Awaitable[None]]:
    """The ASGI application that serves every AWS API."""
    app: Callable[..., Awaitable[None]] = internal("ministack.app", "app")
    return app


def register_service(name: str, target_prefix: str, handler: WireHandler, on_reset: Callable[[], None]) -> None:
    """Serve a JSON-protocol service. Its requests arrive with credentials checked; permissions are its own to check."""

    class _Module:
        """What MiniStack expects of a service module."""

        reset = staticmethod(on_reset)

        @staticmethod
        def get_state() -> None:
            """Nothing is kept on disk."""

    internal("ministack.app", "SERVICE_REGISTRY")[name] = {"module": name}
    internal("ministack.app", "SERVICE_HANDLERS")[name] = handler
    internal("ministack.app", "_loaded_modules")[name] = _Module
    internal("ministack.core.router", "SERVICE_PATTERNS")[name] = {"target_prefixes": [target_prefix]}


def count_loopback_as_tls() -> None:
    """Let a policy that demands TLS admit what comes over loopback: nothing on the way could read it.

    And what no request began: a thread that ends a job, or fires a schedule, calls other services as AWS's own do.
    """

    def wrap(pin: Callable[[str, bool], None]) -> Callable[[str, bool], None]:
        return lambda source_ip, _secure_transport: pin(source_ip, True)

    def secure(origin: contextvars.ContextVar[tuple[str, bool]]) -> contextvars.ContextVar[tuple[str, bool]]:
        return contextvars.ContextVar(origin.name, default=("127.0.0.1", True))

    replace_internal("ministack.app", "pin_request_origin", wrap)
    replace_internal("ministack.core.iam_evaluator", "_request_origin", secure)


def main_loop_call(function: Callable[[], object]) -> None:
    """Run something on the server's event loop, in the caller's account and region, without waiting for it.

    MiniStack's stores are not locked: what changes them belongs on the one thread that serves requests.
    """
    loop = internal("ministack.app", "_MAIN_LOOP")
    context = contextvars.copy_context()
    if loop is None or loop.is_closed():
        context.run(function)
    else:
        loop.call_soon_threadsafe(context.run, function)


def scope() -> tuple[str, str]:
    """Account and region of the request (or execution) at hand."""
    return (
        str(internal("ministack.core.responses", "get_account_id")()),
        str(internal("ministack.core.responses", "get_region")()),
    )


@contextlib.contextmanager
def request_scope(account_id: str, region: str) -> Iterator[None]:
    """Act for an account and region."""
    with internal("ministack.core.responses", "request_scope")(account_id, region):
        yield


def put_event(source: str, detail_type: str, detail: Mapping[str, Any], resources: list[str]) -> None:
    """Put a service's own event (``aws.sagemaker``, say) on the account's default bus."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": resources}
    put_events = internal("ministack.services.eventbridge", "_put_events")
    main_loop_call(lambda: put_events({"Entries": [entry]}, allow_aws_source=True))


def schedules() -> list[tuple[tuple[str, str, str], dict[str, Any]]]:
    """Every schedule with its place: account, region and ``group/name``."""
    return list(internal("ministack.services.scheduler", "_schedules")._data.items())


def after_provisioning(resource_type: str, finish: Callable[[str, Mapping[str, Any]], None]) -> None:
    """Have something done, with its physical id and properties, after CloudFormation made or changed a resource."""
    handlers = internal("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS")[resource_type]
    create, update = handlers["create"], handlers["update"]

    def created(logical_id: str, properties: Mapping[str, Any], stack: str) -> Any:
        result = create(logical_id, properties, stack)
        finish(result[0], properties)
        return result

    def updated(physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack: str, *logical_id: str) -> Any:
        result = update(physical_id, old, new, stack, *logical_id)
        finish(result[0], new)
        return result

    handlers["create"], handlers["update"] = created, updated


def forget_schedule(place: tuple[str, str, str]) -> None:
    """Delete a schedule that has completed."""
    internal("ministack.services.scheduler", "_schedules")._data.pop(place, None)


# -- IAM ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Principal:
    """Who asks, with the policies that decide what it may do (``policies`` is None for the account's root)."""

    arn: str
    kind: str
    account: str
    policies: list[Any] | None
    limits: tuple[Any, ...]
    keys: Mapping[str, Any]

    def denial(self, action: str, resource: str, context: Mapping[str, Any] | None = None) -> str | None:
        """None where allowed, else the sentence AWS gives."""
        if self.policies is None:
            return None
        evaluator = "ministack.core.iam_evaluator"
        request = _evaluation(self, action, resource, context)
        result = internal(evaluator, "evaluate")(request, self.policies, *self.limits)
        service = action.partition(":")[0]
        own = internal(evaluator, "_resource_policy")(service, resource)
        if own is not None:
            result = internal(evaluator, "combine_resource_policy")(
                result,
                request,
                *own,
                required=service in internal(evaluator, "_POLICY_REQUIRED"),
                limits=self.limits,
            )
        if result.decision == "Allow":
            return None
        explicit = result.decision == "Deny"
        return str(
            internal("ministack.core.iam_actions", "identity_denial_message")(action, self.arn, resource, explicit)
        )


def _evaluation(principal: Principal, action: str, resource: str, context: Mapping[str, Any] | None) -> Any:
    keys = {"aws:tagkeys": None, **{key.lower(): value for key, value in (context or {}).items()}}
    return internal("ministack.core.iam_evaluator", "EvalContext")(
        principal_arn=principal.arn,
        principal_type=principal.kind,
        principal_account=principal.account,
        action=action,
        resource_arn=resource,
        region=scope()[1],
        service_context=keys,
        principal_keys=dict(principal.keys),
    )


def caller(headers: Mapping[str, str]) -> Principal:
    """The principal that signed a request."""
    access_key = internal("ministack.core.router", "extract_access_key_id")(headers, {}) or ""
    found = internal("ministack.core.iam_evaluator", "resolve_principal")(access_key, scope()[0])
    if isinstance(found, internal("ministack.core.iam_evaluator", "AuthError")):
        raise PermissionError(found.message)
    return Principal(found.arn, found.type, found.account, found.policies, tuple(found.limits), found.keys)


def _role(role_arn: str) -> dict[str, Any] | None:
    account, name = _role_account_and_name(role_arn)
    role: dict[str, Any] | None = internal("ministack.services.iam", "_roles").get_scoped(account, None, name)
    return role


def _role_account_and_name(role_arn: str) -> tuple[str, str]:
    parts = role_arn.split(":", 5)
    if len(parts) < 6 or not parts[5].startswith("role/"):
        return "", ""
    return parts[4], parts[5].rsplit("/", 1)[-1]


def role_principal(role_arn: str, session_name: str) -> Principal:
    """A role as it is when somebody has assumed it; a role that does not exist has no policies."""
    evaluator = "ministack.core.iam_evaluator"
    account, name = _role_account_and_name(role_arn)
    role = _role(role_arn) or {}
    return Principal(
        arn=f"arn:aws:sts::{account}:assumed-role/{name}/{session_name}",
        kind="AssumedRole",
        account=account,
        policies=internal(evaluator, "_gather_role_policies")(name, account),
        limits=tuple(
            internal(evaluator, "_permissions_boundary")(internal("ministack.services.iam", "_roles"), name, account)
        ),
        keys={f"aws:principaltag/{tag['Key'].lower()}": tag["Value"] for tag in role.get("Tags") or []},
    )


def service_may_assume(role_arn: str, service: str, source_account: str, source_arn: str) -> bool:
    """Whether a role's trust policy lets an AWS service in, on behalf of a resource of an account."""
    role = _role(role_arn)
    if role is None:
        return False
    document = role.get("AssumeRolePolicyDocument") or "{}"
    policy = json.loads(document) if isinstance(document, str) else document
    evaluator = "ministack.core.iam_evaluator"
    request = _evaluation(
        Principal(f"arn:aws:iam::{source_account}:service/{service}", "Service", source_account, [], (), {}),
        "sts:AssumeRole",
        role_arn,
        {"aws:SourceAccount": source_account, "aws:SourceArn": source_arn},
    )
    allowed = False
    for statement in _listed(policy.get("Statement")):
        if (
            internal(evaluator, "_service_principal_matches")(statement.get("Principal"), service)
            and internal(evaluator, "_action_matches")(
                "sts:AssumeRole", _listed(statement.get("Action")), _listed(statement.get("NotAction"))
            )
            and internal(evaluator, "_conditions_met")(statement.get("Condition") or {}, request)
        ):
            if statement.get("Effect") == "Deny":
                return False
            allowed = True
    return allowed


def service_may_deliver(
    policy: str | None, service: str, action: str, resource: str, source_account: str, source_arn: str
) -> bool:
    """Whether a resource's own policy (a queue's, a key's) admits an AWS service."""
    request = _evaluation(
        Principal("*", "Service", source_account, [], (), {}),
        action,
        resource,
        {"aws:SourceAccount": source_account, "aws:SourceArn": source_arn},
    )
    evaluate = internal("ministack.core.iam_evaluator", "evaluate_resource_policy")
    return bool(evaluate(policy, request, service=service).decision == "Allow")


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True)
class Credentials:
    """Temporary credentials of a role, minted as an AWS service gets them."""

    access_key: str
    secret_key: str
    token: str
    expires: float
    role_id: str


def current_role_id(role_arn: str) -> str | None:
    """The role's unique id: a role deleted and created again has another one."""
    role = _role(role_arn)
    return None if role is None else str(role.get("RoleId"))


def credentials_for_role(role_arn: str, session_name: str, duration: float = 12 * 3600) -> Credentials:
    """Credentials under which a service acts as a role. Trust is the caller's to check first."""
    sts = "ministack.services.sts"
    account, name = _role_account_and_name(role_arn)
    role_id = current_role_id(role_arn) or ""
    made = Credentials(
        access_key=internal(sts, "_gen_session_access_key")(),
        secret_key=internal(sts, "_gen_secret")(),
        token=internal(sts, "_gen_session_token")(),
        expires=time.time() + duration,
        role_id=role_id,
    )
    session = {
        "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session_name}",
        "UserId": f"{role_id}:{session_name}",
        "SecretAccessKey": made.secret_key,
        "SessionToken": made.token,
        "Expiration": made.expires,
        "AccountId": account,
        "PrincipalType": "AssumedRole",
    }
    register = internal(sts, "register_session")
    register(made.access_key, session)
    return made


# -- what a permission check has to know of other services ----------------------------------------------------------


def queue_key(queue_arn: str) -> str | None:
    """ARN of the customer managed key a queue is encrypted with, if any."""
    queue = internal("ministack.services.sqs", "_queue_by_arn")(queue_arn)
    return key_arn(queue["attributes"].get("KmsMasterKeyId")) if queue else None


def queue_policy(queue_arn: str) -> str | None:
    """A queue's own policy; None where there is no such queue or it has none."""
    queue = internal("ministack.services.sqs", "_queue_by_arn")(queue_arn)
    return queue["attributes"].get("Policy") if queue else None


def bucket_key(bucket: str) -> str | None:
    """ARN of the customer managed key a bucket encrypts with by default, if any."""
    headers = internal("ministack.services.s3", "_bucket_default_sse_headers")(bucket)
    return key_arn(headers.get("x-amz-server-side-encryption-aws-kms-key-id"))


def send_to_queue(queue_arn: str, body: str, attributes: Mapping[str, str]) -> None:
    """Put a message into a queue as a service does; a queue that does not exist swallows it."""
    queue = internal("ministack.services.sqs", "_queue_by_arn")(queue_arn)
    if queue is None:
        return
    internal("ministack.services.sqs", "_act_send_message")(
        {
            "QueueUrl": queue["url"],
            "MessageBody": body,
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        },
        queue["url"],
    )


def key_arn(key: str | None) -> str | None:
    """ARN of a key given by id, alias or ARN; None for AWS's own keys (``alias/aws/...``), which ask no permission."""
    if not key or "alias/aws/" in key:
        return None
    record = internal("ministack.services.kms", "_resolve_key")(key)
    return str(record["Arn"]) if record and record.get("KeyManager", "CUSTOMER") == "CUSTOMER" else None


def key_policy(arn: str) -> str | None:
    """A key's own policy."""
    record = internal("ministack.services.kms", "_resolve_key")(arn)
    return record.get("Policy") if record else None
