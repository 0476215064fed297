"""All replaced functions of MiniStack in one list: each function once, with its wrappers, innermost first.

The docstring of each wrapper, in the package of its service, says what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from cdk_processing.local.aws.cloudformation.cdk_handlers import provide_cdk_handlers
from cdk_processing.local.aws.cloudformation.conditions import with_functions
from cdk_processing.local.aws.cloudformation.drift import compare_state_machines, revert_drift
from cdk_processing.local.aws.cloudformation.limits import LIMITS, limit_problem
from cdk_processing.local.aws.cloudformation.provisioning import (
    after_provisioning,
    before_provisioning,
    replace_deletion,
)
from cdk_processing.local.aws.cloudformation.recorded import record_resources
from cdk_processing.local.aws.cloudformation.refusals import refuse_by_name
from cdk_processing.local.aws.cloudformation.stack_events import announce_stack_status
from cdk_processing.local.aws.cloudwatch.alarms import Alarms, refuse_too_long
from cdk_processing.local.aws.cloudwatch.metrics import Metrics
from cdk_processing.local.aws.dynamodb.leading_keys import with_leading_keys
from cdk_processing.local.aws.dynamodb.tables import keep_table_key
from cdk_processing.local.aws.ecr.layers import add_to_upload, complete_upload
from cdk_processing.local.aws.ecr.resources import of_listed_repository
from cdk_processing.local.aws.events.bus import refuse_wrong_entries
from cdk_processing.local.aws.events.bus_policies import provide_bus_policies
from cdk_processing.local.aws.events.faulty_deliveries import struck_by
from cdk_processing.local.aws.events.targets import forward_with_role, remember_target, start_with_role
from cdk_processing.local.aws.iam.key_permissions import enforce_key_too, name_the_key
from cdk_processing.local.aws.iam.managed_policies import known, refuse_unknown, refuse_unknown_of_stack
from cdk_processing.local.aws.iam.policy_sizes import refuse_large_inline, refuse_large_managed
from cdk_processing.local.aws.iam.roles import keep_boundary
from cdk_processing.local.aws.iam.transport import always_secure, secure_by_default
from cdk_processing.local.aws.iam.variables import with_variables
from cdk_processing.local.aws.iam.wildcards import across_lines
from cdk_processing.local.aws.logs.streams import (
    Forgetful,
    append_to_files,
    describe_groups,
    describe_streams,
    only_with_prefix,
)
from cdk_processing.local.aws.s3 import buckets
from cdk_processing.local.aws.s3.multipart import complete, keep_part
from cdk_processing.local.aws.s3.stored import ObjectFiles
from cdk_processing.local.aws.s3.transfers import (
    check_md5,
    checksum,
    entry_of,
    into_files,
    md5_of,
    read_into_file,
    read_whole,
    send_in_chunks,
)
from cdk_processing.local.aws.s3.versions_in_events import add_version, remember_version
from cdk_processing.local.aws.sagemaker.deployed_jobs import DeployedJobs
from cdk_processing.local.aws.scheduler.clock import Scheduler, keep_every_property
from cdk_processing.local.aws.scheduler.refusals import (
    expression_problem,
    refuse_wrong_expressions,
    refuse_wrong_rules,
)
from cdk_processing.local.aws.sns.topics import deliver_if_key_admits, keep_key
from cdk_processing.local.aws.sqs.move_tasks import MoveTasks, of_moved_queue
from cdk_processing.local.aws.stepfunctions import calls, deletion, execution, history, limits, processing, times
from cdk_processing.local.aws.stepfunctions.api_errors import (
    as_aws_updates,
    refuse_unknown_machine,
    refuse_wrong_input,
    refuse_wrong_logging,
    with_words_of_aws,
)
from cdk_processing.local.aws.stepfunctions.definitions import refuse_wrong_definitions, validate_as_aws
from cdk_processing.local.aws.stepfunctions.interpreter.expressions import sequence_of_one
from cdk_processing.local.aws.stepfunctions.interpreter.machine import interpret
from cdk_processing.local.aws.stepfunctions.nested import NestedExecutions
from cdk_processing.local.files import FileStore
from cdk_processing.local.injection import Faults
from cdk_processing.local.ministack import Replacement, internal
from cdk_processing.local.server_secrets import ServerSecrets
from cdk_processing.local.wire.job_doors import JobDoors
from cdk_processing.local.wire.served import refuse_custom_resource, refuse_to_start, refusing, serve_buckets_by_host
from cdk_processing.local.wire.signatures import resolve_with_secrets

__all__ = ["Parts", "extend_iam", "extend_provisioning", "extend_queues", "extend_tasks", "replacements"]

_ALARMS = _METRICS = "ministack.services.cloudwatch"
_EVENTS = "ministack.services.eventbridge"
_ECR = "ministack.services.ecr"
_EVALUATOR = "ministack.core.iam_evaluator"
_IAM = "ministack.services.iam"
_IAM_ACTIONS = "ministack.core.iam_actions"
_LOGS = "ministack.services.cloudwatch_logs"
_S3 = "ministack.services.s3"
_SFN = "ministack.services.stepfunctions"
_SQS = "ministack.services.sqs"
_STACKS = "ministack.services.cloudformation"


@dataclass(frozen=True)
class Parts:
    """The parts of the embedded AWS that replace parts of MiniStack."""

    metrics: Metrics
    alarms: Alarms
    scheduler: Scheduler
    faults: Faults
    role_calls: calls.RoleCalls
    processing_tasks: processing.ProcessingTasks
    secrets: ServerSecrets
    files: ObjectFiles
    log_files: FileStore
    deployed_jobs: DeployedJobs
    move_tasks: MoveTasks


def replacements(parts: Parts) -> Iterator[Replacement]:
    """Every replaced function, by service."""
    yield from _requests(parts.secrets)
    yield from _objects(parts.files)
    yield from _layers(parts.files)
    yield from _log_events(parts.log_files)
    yield from _processes()
    yield from _events(parts.metrics, parts.faults)
    yield from _metrics_and_alarms(parts.metrics, parts.alarms)
    yield from _step_functions(parts.metrics, parts.role_calls)
    yield Replacement("ministack.services.scheduler", "start_scheduler", _instead(parts.scheduler.start))
    for name in ("_create_schedule", "_update_schedule"):
        yield Replacement("ministack.services.scheduler", name, refuse_wrong_expressions)
    yield Replacement(_EVENTS, "_put_rule", refuse_wrong_rules)
    for module in ("stacks", "handlers", "changesets"):  # each module imports the function under its own name
        yield Replacement(f"{_STACKS}.{module}", "_add_event", announce_stack_status)
    for module in ("engine", "stacks", "handlers", "changesets"):
        yield Replacement(f"{_STACKS}.{module}", "_evaluate_conditions", with_functions)


def _requests(secrets: ServerSecrets) -> Iterator[Replacement]:
    """Which requests are accepted, and what IAM allows. The guard checks signatures, before MiniStack."""
    yield Replacement("ministack.app", "pin_signed_request", _instead(lambda *_request, **_options: None))
    # The guard checks the signatures of chunks as they arrive.
    yield Replacement("ministack.core.sigv4", "_chunk_signatures_match", _instead(lambda *_request: True))
    yield Replacement(_S3, "_verify_presigned_sigv4", _instead(lambda *_request: None))
    yield Replacement("ministack.services.sts", "register_session", JobDoors.note_issuer)
    yield Replacement(_EVALUATOR, "resolve_credential", partial(resolve_with_secrets, secrets))
    # MiniStack's own routes, which require no signature: health, reset, configuration, other services' data.
    yield Replacement("ministack.app", "_handle_pre_body_request", _instead(_nothing))
    yield Replacement("ministack.app", "_handle_post_body_shortcuts", _instead(_nothing))
    yield Replacement("ministack.app", "_handle_special_data_plane_request", _instead(serve_buckets_by_host))
    yield Replacement("ministack.app", "pin_request_origin", always_secure)
    yield Replacement(_EVALUATOR, "_request_origin", secure_by_default)
    yield Replacement(_EVALUATOR, "enforce", enforce_key_too)
    yield Replacement(_EVALUATOR, "_fnmatch_compile", across_lines)
    yield Replacement(_EVALUATOR, "evaluate", with_variables)
    yield Replacement(_IAM_ACTIONS, "access_denied_response", name_the_key)
    yield Replacement(_IAM_ACTIONS, "dynamodb_service_context", with_leading_keys)
    yield Replacement(_IAM_ACTIONS, "extract_resource_arn", of_listed_repository, of_moved_queue)
    yield Replacement(_IAM, "_lookup_policy", known)
    yield Replacement(_IAM, "attach_managed_policy", refuse_unknown_of_stack)


def _objects(files: ObjectFiles) -> Iterator[Replacement]:
    """How objects are stored in files, and which key encrypts them."""
    yield Replacement("ministack.app", "_read_request_body", partial(read_into_file, files))
    yield Replacement("ministack.app", "_send_response", send_in_chunks)
    yield Replacement(_S3, "_build_object_record", partial(into_files, files))
    yield Replacement(_S3, "_version_entry_from_record", entry_of)
    yield Replacement(_S3, "_get_object_data", read_whole)
    yield Replacement(_S3, "_resolve_sse_write_headers", buckets.with_default_key)
    yield Replacement(_S3, "_upload_part", partial(keep_part, files))
    yield Replacement(_S3, "_complete_multipart_upload", partial(complete, files))
    yield Replacement(_S3, "md5_hash", md5_of)
    yield Replacement(_S3, "_compute_s3_checksum", checksum)
    yield Replacement(_S3, "_validate_content_md5", check_md5)


def _layers(files: ObjectFiles) -> Iterator[Replacement]:
    """How layers of images are stored in files."""
    yield Replacement(_ECR, "_v2_patch_blob_upload", add_to_upload)
    yield Replacement(_ECR, "_v2_complete_blob_upload", partial(complete_upload, files))


def _log_events(files: FileStore) -> Iterator[Replacement]:
    """How log events are stored in files."""
    yield Replacement(_LOGS, "_append_log_events", append_to_files(files))
    yield Replacement(_LOGS, "_log_records", _instead(Forgetful()))
    yield Replacement(_LOGS, "_describe_log_groups", _instead(describe_groups))
    yield Replacement(_LOGS, "_describe_log_streams", _instead(describe_streams))
    yield Replacement(_LOGS, "_filter_log_events", only_with_prefix)


def _processes() -> Iterator[Replacement]:
    """Functions that would start or stop processes outside the sandbox, even containers of other programs."""
    yield Replacement("ministack.app", "_run_init_scripts", _instead(lambda: None))
    yield Replacement("ministack.app", "_run_ready_scripts", _instead(_nothing))
    yield Replacement("ministack.app", "_docker_socket_present", _instead(lambda: False))
    yield Replacement("ministack.app", "_stop_docker_containers", _instead(lambda *_options: None))
    yield Replacement("ministack.core.container_reaper", "start", _instead(lambda _get_docker: None))
    yield Replacement("ministack.services.lambda_svc", "_execute_function", _instead(refuse_to_start))
    yield Replacement(f"{_STACKS}.provisioners", "_custom_resource_create", _instead(refuse_custom_resource))


def _events(metrics: Metrics, faults: Faults) -> Iterator[Replacement]:
    """How events are delivered. Faults strike first, so that each copy of an event passes every check separately."""
    yield Replacement(_S3, "_fire_s3_event", remember_version)
    yield Replacement(_EVENTS, "_dispatch_event", add_version)
    yield Replacement(_EVENTS, "_put_events", refuse_wrong_entries)
    yield Replacement(_EVENTS, "_matches_pattern_view", metrics.count_matches)
    yield Replacement(_EVENTS, "_invoke_target", metrics.count_invocations, remember_target, partial(struck_by, faults))
    # If the role may not start the target, the delivery does not count, so the role is checked first.
    yield Replacement(_EVENTS, "_dispatch_to_stepfunctions", metrics.notice_dispatch, partial(start_with_role, faults))
    yield Replacement(_EVENTS, "_dispatch_to_event_bus", metrics.notice_dispatch, partial(forward_with_role, faults))
    for target in ("lambda", "sns", "sqs"):
        yield Replacement(_EVENTS, f"_dispatch_to_{target}", metrics.notice_dispatch)


def _metrics_and_alarms(metrics: Metrics, alarms: Alarms) -> Iterator[Replacement]:
    """CloudWatch metrics and alarms. MiniStack's own alarms ignore dimensions, missing data and multiple periods."""
    yield Replacement(_METRICS, "record_metric", _instead(metrics.record))
    yield Replacement(_METRICS, "_store_datum", metrics.notice_datum)
    yield Replacement(_SQS, "_dispatch", metrics.notice_calls)
    yield Replacement(_SQS, "_act_send_message", metrics.notice_send)
    # If the queue's key does not allow SNS, the message is not delivered, and so not counted.
    yield Replacement("ministack.services.sns", "_deliver_to_sqs", metrics.notice_delivery, deliver_if_key_admits)
    # CloudWatch evaluates a new alarm within a minute, not when it is created.
    yield Replacement(_ALARMS, "_evaluate_alarm", _instead(lambda _alarm: None))
    yield Replacement(_ALARMS, "_evaluate_all_alarms", _instead(lambda: None))
    yield Replacement(_ALARMS, "_dispatch_alarm_actions", _instead(alarms.act))
    yield Replacement(_ALARMS, "cloudformation_put_metric_alarm", refuse_too_long)


def _step_functions(metrics: Metrics, role_calls: calls.RoleCalls) -> Iterator[Replacement]:
    """How executions run."""
    yield Replacement(_SFN, "time", _instead(execution.Clock()))
    yield Replacement(_SFN, "error_response_json", with_words_of_aws)
    yield Replacement(_SFN, "_create_state_machine", deletion.with_a_clean_slate, refuse_wrong_logging)
    yield Replacement(_SFN, "_update_state_machine", as_aws_updates, refuse_wrong_logging)
    yield Replacement(_SFN, "_validate_state_machine_definition", _instead(validate_as_aws))
    yield Replacement(_SFN, "_delete_state_machine", _instead(deletion.delete))
    # While a state machine is being deleted, it also refuses a repeated start of an execution that is running.
    yield Replacement(
        _SFN, "_start_execution", execution.idempotent_start, deletion.refuse_while_deleting, refuse_wrong_input
    )
    yield Replacement(_SFN, "_list_executions", refuse_unknown_machine)
    yield Replacement(
        _SFN, "_run_execution", interpret, partial(execution.run_under_role, role_calls.client), deletion.then_delete
    )
    yield Replacement(_SFN, "_stop_execution", execution.stop_at_once)
    yield Replacement(_SFN, "_fail_execution", execution.fail_if_running)
    yield Replacement(_SFN, "_emit_execution_status_event", metrics.count_executions)
    # If a transition does not happen because the state machine is deleted, the history gets no event for it.
    yield Replacement(
        _SFN, "_add_event", history.number_events, limits.refuse_large_results, deletion.terminate_at_transition
    )
    yield Replacement(_SFN, "jsonata", limits.bounded_engine)
    yield Replacement(_SFN, "_error_matches", limits.catch_no_terminal_error)
    yield Replacement(_SFN, "_validate_definition_jsonata", refuse_wrong_definitions)
    yield Replacement(_SFN, "_sfn_jsonata_to_millis", times.read_portable_times)
    yield Replacement(_SFN, "_sfn_jsonata_range", sequence_of_one)
    yield Replacement(_SFN, "_invoke_resource_with_timeout", execution.stop_on_timeout)
    yield Replacement(_SFN, "_invoke_aws_sdk_integration", _instead(role_calls.sdk_task))
    yield Replacement(_SFN, "_call_lambda", calls.authorized_lambda)
    nested = NestedExecutions(role_calls.optimized_task)
    yield Replacement(_SFN, "_invoke_nested_start_execution", _instead(nested.task))
    yield Replacement(_SFN, "_invoke_nested_start_execution_sync", _instead(nested.task))


def extend_tasks(parts: Parts) -> None:
    """Add the Step Functions integrations that MiniStack lacks, and replace those that it calls as the root."""
    dispatch = internal(_SFN, "_SERVICE_DISPATCH")
    dispatch[processing.RESOURCE] = parts.processing_tasks.task
    for resource in calls.OPTIMIZED:
        if resource != calls.START_EXECUTION:  # MiniStack dispatches it by itself
            dispatch[resource] = parts.role_calls.optimized_task


def extend_queues(parts: Parts) -> None:
    """Add the operations of SQS that MiniStack lacks."""
    internal(_SQS, "_HANDLERS").update(parts.move_tasks.handlers())


def extend_iam() -> None:
    """Make IAM refuse policies that are too large, and refuse to attach policies that do not exist."""
    handlers = internal(_IAM, "_IAM_HANDLERS")
    for operation in ("AttachRolePolicy", "AttachUserPolicy", "AttachGroupPolicy"):
        handlers[operation] = refuse_unknown(handlers[operation])
    handlers["PutRolePolicy"] = refuse_large_inline(handlers["PutRolePolicy"])
    for operation in ("CreatePolicy", "CreatePolicyVersion"):
        handlers[operation] = refuse_large_managed(handlers[operation])


def extend_provisioning(parts: Parts) -> None:
    """Make CloudFormation keep what MiniStack drops, delete and revert as AWS does, and handle the CDK's resources."""
    for resource_type in LIMITS:
        before_provisioning(resource_type, limit_problem)
    before_provisioning("AWS::Scheduler::Schedule", expression_problem)
    before_provisioning("AWS::StepFunctions::StateMachine", parts.deployed_jobs.problem)
    after_provisioning("AWS::DynamoDB::Table", keep_table_key)
    after_provisioning("AWS::IAM::Role", keep_boundary)
    after_provisioning("AWS::S3::Bucket", buckets.keep_encryption)
    after_provisioning("AWS::S3::Bucket", buckets.keep_tags)
    after_provisioning("AWS::SNS::Topic", keep_key)
    after_provisioning("AWS::Scheduler::Schedule", keep_every_property)
    after_provisioning("AWS::StepFunctions::StateMachine", lambda arn, _properties: deletion.forget_orphans(arn))
    provide_bus_policies()
    record_resources()
    provide_cdk_handlers(buckets, refusing("AWS::Lambda::Function"))
    replace_deletion("AWS::StepFunctions::StateMachine", deletion.mark_for_deletion)
    compare_state_machines()
    revert_drift()
    refuse_by_name()


async def _nothing(*_request: Any, **_options: Any) -> None:
    """Answer no request, so that all requests go on to the services."""


def _instead(replacement: Any) -> Callable[[Any], Any]:
    """Replace a function without calling the original."""
    return lambda _original: replacement
