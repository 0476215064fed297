"""The private names of MiniStack that the embedded AWS uses, and the check that they still exist.

Code can only use the names that are listed here.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

__all__ = ["INTERNALS", "InternalsMovedError", "internal", "verify_internals"]


class InternalsMovedError(RuntimeError):
    """The installed MiniStack is not the one this package was written for."""


# Every private name in use, with the parameters that calls depend on ("" for data or a class).
INTERNALS: dict[str, str] = {
    "ministack.app:app": "scope receive send",
    "ministack.app:AUTH": "",
    "ministack.app:_read_request_body": "receive method headers",
    "ministack.app:_send_response": "send status headers body head",
    "ministack.app:_IncompleteRequestBody": "",
    "ministack.app:_RequestBodyDisconnected": "",
    "ministack.app:pin_request_origin": "source_ip secure_transport",
    "ministack.app:pin_signed_request": "method raw_path query_params raw_headers handshake",
    "ministack.app:_credential_failure": "service iam_action request_id denied headers",
    "ministack.app:_extract_s3_vhost_bucket": "host",
    "ministack.app:_handle_pre_body_request": "method path headers query_params request_id",
    "ministack.app:_handle_post_body_shortcuts": "method path headers body query_params request_id",
    "ministack.app:_handle_special_data_plane_request": "method path headers body query_params request_id",
    "ministack.app:_handle_s3_vhost_request": "host path method headers body query_params",
    "ministack.app:_run_init_scripts": "",
    "ministack.app:_run_ready_scripts": "",
    "ministack.app:_stop_docker_containers": "include_unlabelled",
    "ministack.app:_docker_socket_present": "",
    "ministack.core.container_reaper:start": "get_docker",
    "ministack.app:SERVICE_REGISTRY": "",
    "ministack.app:SERVICE_HANDLERS": "",
    "ministack.app:_MAIN_LOOP": "",
    "ministack.app:_loaded_modules": "",
    "ministack.core.router:SERVICE_PATTERNS": "",
    "ministack.core.router:extract_access_key_id": "headers query_params",
    "ministack.core.responses:request_scope": "account_id region",
    "ministack.core.responses:get_account_id": "",
    "ministack.core.responses:get_region": "",
    "ministack.core.responses:error_response_json": "code message status",
    "ministack.core.iam_actions:access_denied_response": "service action principal_arn request_id",
    "ministack.core.iam_actions:identity_denial_message": "action principal_arn resource explicit_deny",
    "ministack.core.iam_actions:extract_resource_arn": (
        "service method path headers body query_params region account_id"
    ),
    "ministack.core.iam_actions:dynamodb_service_context": "body",
    "ministack.core.iam_evaluator:EvalContext": "",
    "ministack.core.iam_evaluator:AuthError": "",
    "ministack.core.iam_evaluator:enforce": "access_key_id iam_action service region resource_arn service_context",
    "ministack.core.iam_evaluator:resolve_credential": "access_key_id account_id session_token",
    "ministack.core.iam_evaluator:CredentialResolutionError": "code message",
    "ministack.core.iam_evaluator:find_iam_access_key_account": "access_key_id",
    "ministack.core.iam_evaluator:AmbiguousAccessKeyError": "",
    "ministack.core.iam_evaluator:SignedRequest": "access_key_id method raw_path query_params headers body",
    "ministack.core.iam_evaluator:_sigv2_check": "request account_id",
    "ministack.core.sigv4:parse_header_signature": "headers",
    "ministack.core.sigv4:parse_query_signature": "query_params",
    "ministack.core.sigv4:request_time_failure": "signature",
    "ministack.core.sigv4:derive_signing_key": "secret date_stamp region service",
    "ministack.core.sigv4:_chunk_signatures_match": "body seed signature key",
    "ministack.core.sigv4:header_signature_failure": (
        "signature secret method raw_path query_params headers body presigned"
    ),
    "ministack.core.responses:_account_from_sts_session": "access_key_id",
    "ministack.core.iam_evaluator:evaluate": "ctx policies limits",
    "ministack.core.iam_evaluator:_resolve_condition_key": "key ctx",
    "ministack.core.iam_evaluator:combine_resource_policy": "identity ctx policy owner_account required limits",
    "ministack.core.iam_evaluator:evaluate_resource_policy": "doc ctx service named_only direct_only",
    "ministack.core.iam_evaluator:resolve_principal": "access_key_id account_id credential",
    "ministack.core.iam_evaluator:_request_origin": "",
    "ministack.core.iam_evaluator:_resource_policy": "service resource_arn",
    "ministack.core.iam_evaluator:_POLICY_REQUIRED": "",
    "ministack.core.iam_evaluator:_fnmatch_compile": "pattern ignore_case",
    "ministack.core.iam_evaluator:_action_matches": "request_action actions not_actions",
    "ministack.core.iam_evaluator:_conditions_met": "conditions ctx",
    "ministack.core.iam_evaluator:_service_principal_matches": "principal service",
    "ministack.core.iam_evaluator:_gather_role_policies": "role_name account_id",
    "ministack.core.iam_evaluator:_permissions_boundary": "store name account_id",
    "ministack.services.iam:_roles": "",
    "ministack.services.iam:_aws_managed_policies": "",
    "ministack.services.iam:_make_aws_managed_record": "name document description",
    "ministack.services.iam:_lookup_policy": "arn",
    "ministack.services.iam:_policy_exists": "arn",
    "ministack.services.iam:_IAM_HANDLERS": "",
    "ministack.services.iam:attach_managed_policy": "entity policy_arn",
    "ministack.services.iam:_error": "status code message ns",
    "ministack.services.iam:_p": "params key",
    "ministack.services.sts:register_session": "access_key session",
    "ministack.services.sts:_sessions": "",
    "ministack.services.sts:_gen_session_access_key": "",
    "ministack.services.sts:_gen_secret": "",
    "ministack.services.sts:_gen_session_token": "",
    "ministack.services.sqs:_queue_by_arn": "arn",
    "ministack.services.sqs:_act_send_message": "data qurl",
    "ministack.services.sqs:_dispatch": "action data qurl",
    "ministack.services.sqs:_refresh_counts": "q",
    "ministack.services.sqs:_queues": "",
    "ministack.services.sqs:_HANDLERS": "",
    "ministack.services.sqs:_Err": "code message status",
    "ministack.services.s3:_bucket_default_sse_headers": "bucket_name",
    "ministack.services.s3:_put_bucket_encryption": "name body",
    "ministack.services.s3:_get_bucket_notification": "name",
    "ministack.services.s3:_put_bucket_notification": "name body headers",
    "ministack.services.s3:_delete_object": "bucket_name key headers query_params",
    "ministack.services.s3:_bucket_tags": "",
    "ministack.services.s3:_buckets": "",
    "ministack.services.s3:_object_versions": "",
    "ministack.services.s3:_fire_s3_event": "bucket_name key event_name size etag deletion_type",
    "ministack.services.s3:_build_object_record": "body headers etag checksums",
    "ministack.services.s3:_get_object_data": "bucket_name key version_id",
    "ministack.services.s3:_upload_part": "bucket_name key body query_params headers",
    "ministack.services.s3:_complete_multipart_upload": "bucket_name key body query_params headers",
    "ministack.services.s3:_version_entry_from_record": "obj version_id data",
    "ministack.services.s3:_record_object_version": "bucket_name key prior_obj obj data",
    "ministack.services.s3:_fire_s3_event_async": "bucket_name key event_name size etag deletion_type version_id",
    "ministack.services.s3:_multipart_uploads": "",
    "ministack.services.s3:_completed_multipart_uploads": "",
    "ministack.services.s3:_check_sse_c_part": "headers upload",
    "ministack.services.s3:_check_put_preconditions": "headers existing_obj",
    "ministack.services.s3:_composite_checksum": "algorithm part_checksums",
    "ministack.services.s3:_compute_s3_checksum": "algorithm body",
    "ministack.services.s3:_validate_content_md5": "headers body",
    "ministack.services.s3:_stored_sse_headers": "obj",
    "ministack.services.s3:_error": "code message status resource",
    "ministack.services.s3:_resolve_sse_write_headers": "headers bucket_name",
    "ministack.services.s3:_qp": "params key default",
    "ministack.services.s3:md5_hash": "data",
    "ministack.services.s3:now_iso": "",
    "ministack.services.s3:_verify_presigned_sigv4": "method path headers query_params",
    "ministack.services.lambda_svc:_execute_function": "func event",
    "ministack.services.cloudwatch_logs:_append_log_events": "stream events",
    "ministack.services.cloudwatch_logs:_describe_log_groups": "data",
    "ministack.services.cloudwatch_logs:_describe_log_streams": "data",
    "ministack.services.cloudwatch_logs:_filter_log_events": "data",
    "ministack.services.cloudwatch_logs:_decode_token": "token",
    "ministack.services.cloudwatch_logs:_encode_token": "offset",
    "ministack.services.cloudwatch_logs:_log_events_lock": "",
    "ministack.services.cloudwatch_logs:_log_groups": "",
    "ministack.services.cloudwatch_logs:_log_records": "",
    "ministack.services.cloudwatch_logs:_metric_filters": "",
    "ministack.services.cloudwatch_logs:_resolve_log_group_name": "data",
    "ministack.services.cloudwatch_logs:json_response": "data",
    "ministack.services.kms:_aliases": "",
    "ministack.services.kms:_resolve_key": "key_id_or_arn",
    "ministack.services.eventbridge:_dispatch_event": "event",
    "ministack.services.eventbridge:_put_events": "data allow_aws_source",
    "ministack.services.eventbridge:_invoke_target": "target event rule view",
    "ministack.services.eventbridge:_dispatch_to_stepfunctions": "arn payload",
    "ministack.services.eventbridge:_dispatch_to_event_bus": "spec event rule event_path target_input_payload",
    "ministack.services.eventbridge:_event_bus_policies": "",
    "ministack.services.eventbridge:_pattern_event_view": "event",
    "ministack.services.eventbridge:_dispatch_to_lambda": "arn payload",
    "ministack.services.eventbridge:_dispatch_to_sns": "arn payload",
    "ministack.services.eventbridge:_dispatch_to_sqs": "spec payload",
    "ministack.services.eventbridge:_matches_pattern_view": "pattern_str view owner",
    "ministack.services.cloudformation:_stacks": "",
    "ministack.services.cloudformation:_change_sets": "",
    "ministack.services.cloudformation.changesets:_find_change_set": "cs_name stack_name",
    "ministack.services.cloudformation.drift:_DRIFT_READERS": "",
    "ministack.services.cloudformation.drift:detect_resource_drift": "stack logical_id record timestamp",
    "ministack.services.cloudformation.handlers:_ACTION_HANDLERS": "",
    "ministack.services.cloudformation.helpers:_error": "code message status",
    "ministack.services.cloudformation.engine:_evaluate_conditions": "template params",
    "ministack.services.cloudformation.engine:_resolve_refs": (
        "value resources params conditions mappings stack_name stack_id"
    ),
    "ministack.services.cloudformation.stacks:_evaluate_conditions": "template params",
    "ministack.services.cloudformation.handlers:_evaluate_conditions": "template params",
    "ministack.services.cloudformation.changesets:_evaluate_conditions": "template params",
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": "",
    "ministack.services.cloudformation.provisioners:_sfn_definition": "props",
    "ministack.services.cloudformation.provisioners:_replacing_change": "resource_type old_props new_props",
    "ministack.services.cloudformation.provisioners:_update_resource": (
        "resource_type physical_id old_props new_props stack_name logical_id"
    ),
    "ministack.services.cloudformation.provisioners:_custom_resource_create": (
        "logical_id props stack_name resource_type"
    ),
    "ministack.services.cloudformation.stacks:_add_event": (
        "stack_id stack_name logical_id resource_type status reason physical_id detailed_status"
    ),
    "ministack.services.cloudformation.stacks:CLIENT_REQUEST_TOKEN": "",
    "ministack.services.cloudformation.handlers:_add_event": "stack_id stack_name logical_id resource_type status",
    "ministack.services.cloudformation.changesets:_add_event": "stack_id stack_name logical_id resource_type status",
    "ministack.services.cloudwatch:_metrics": "",
    "ministack.services.cloudwatch:_alarms": "",
    "ministack.services.cloudwatch:_composite_alarms": "",
    "ministack.services.cloudwatch:_metric_bucket": "key",
    "ministack.services.cloudwatch:_dims_key": "dims",
    "ministack.services.cloudwatch:_calc_stats": "points",
    "ministack.services.cloudwatch:_stat_value": "stats stat_name points",
    "ministack.services.cloudwatch:_store_datum": "namespace name dims ts unit value values counts stat_values",
    "ministack.services.cloudwatch:record_metric": "namespace metric_name value unit dimensions",
    "ministack.services.cloudwatch:_evaluate_alarm": "alarm",
    "ministack.services.cloudwatch:_evaluate_all_alarms": "",
    "ministack.services.cloudwatch:_evaluate_parent_alarms": "child seen",
    "ministack.services.cloudwatch:_dispatch_alarm_actions": "alarm old_state new_state reason",
    "ministack.services.cloudwatch:_record_history": "alarm_name old_state new_state reason",
    "ministack.services.cloudwatch:cloudformation_put_metric_alarm": "alarm",
    "ministack.services.ecr:handle_request": "method path headers body query_params",
    "ministack.services.ecr:handle_registry_request": "method path headers body query_params",
    "ministack.services.ecr:_parse_v2_path": "path",
    "ministack.services.ecr:_v2_patch_blob_upload": "name upload_uuid body",
    "ministack.services.ecr:_v2_complete_blob_upload": "name upload_uuid query_params body",
    "ministack.services.ecr:_query_first": "",
    "ministack.services.ecr:_registry_ok": "status headers body",
    "ministack.services.ecr:_registry_error": "status code message detail",
    "ministack.services.ecr:_layer_blobs": "",
    "ministack.services.ecr:_uploads": "",
    "ministack.services.dynamodb:_tables": "",
    "ministack.services.sns:_topic_by_arn_any_scope": "topic_arn",
    "ministack.services.sns:topic_policy_allows": "topic_arn service source_arn source_account",
    "ministack.services.sns:publish_internal": "topic_arn message subject",
    "ministack.services.sns:_deliver_to_sqs": "endpoint envelope raw raw_message",
    "ministack.services.scheduler:_schedules": "",
    "ministack.services.scheduler:_create_schedule": "name body",
    "ministack.services.scheduler:_update_schedule": "name body",
    "ministack.services.scheduler:_error": "status code message",
    "ministack.services.eventbridge:_put_rule": "data",
    "ministack.services.scheduler:start_scheduler": "",
    "ministack.services.scheduler:handle_request": "method path headers body_bytes query_params",
    "ministack.services.stepfunctions:_ExecutionError": "",
    "ministack.services.stepfunctions:_SERVICE_DISPATCH": "",
    "ministack.services.stepfunctions:_state_machines": "",
    "ministack.services.stepfunctions:_executions": "",
    "ministack.services.stepfunctions:_tags": "",
    "ministack.services.stepfunctions:_create_state_machine": "data",
    "ministack.services.stepfunctions:_update_state_machine": "data",
    "ministack.services.stepfunctions:_validate_state_machine_definition": "data",
    "ministack.services.stepfunctions:json_response": "data",
    "ministack.services.stepfunctions:_delete_state_machine": "data",
    "ministack.services.stepfunctions:_start_execution": "data",
    "ministack.services.stepfunctions:_list_executions": "data",
    "ministack.services.stepfunctions:_resolve_state_machine_arn": "arn",
    "ministack.services.stepfunctions:_stop_execution": "data",
    "ministack.services.stepfunctions:_run_execution": "exec_arn",
    "ministack.services.stepfunctions:_fail_execution": "execution error cause",
    "ministack.services.stepfunctions:_add_event": "execution event_type details",
    "ministack.services.stepfunctions:_emit_execution_status_event": "execution",
    "ministack.services.stepfunctions:_invoke_resource_with_timeout": "resource input_data timeout",
    "ministack.services.stepfunctions:_invoke_aws_sdk_integration": "resource input_data",
    "ministack.services.stepfunctions:_invoke_nested_start_execution": "resource input_data",
    "ministack.services.stepfunctions:_invoke_nested_start_execution_sync": "resource input_data",
    "ministack.services.stepfunctions:_call_lambda": "func_ref event",
    "ministack.services.stepfunctions:_validate_definition_jsonata": "definition_str",
    "ministack.services.stepfunctions:jsonata": "",
    "ministack.services.stepfunctions:_error_matches": "error_equals error",
    "ministack.services.stepfunctions:_sfn_jsonata_to_millis": "timestamp picture",
    "ministack.services.stepfunctions:_map_runs": "",
    "ministack.services.stepfunctions:_invoke_resource": "resource input_data",
    "ministack.services.stepfunctions:_invoke_with_callback": "resource input_data token state_def",
    "ministack.services.stepfunctions:_parse_intrinsic_call": "s pos",
    "ministack.services.stepfunctions:_exec_intrinsic": "node data ctx",
    "ministack.services.stepfunctions:_register_sfn_jsonata_functions": "expr",
    "ministack.services.stepfunctions:_sfn_jsonata_range": "start end step",
    "ministack.services.stepfunctions:_jsonata_result_defined": "expression bindings",
    "ministack.services.stepfunctions:new_uuid": "",
    "ministack.services.stepfunctions:error_response_json": "code message",
    "ministack.services.stepfunctions:_scaled_sleep": "seconds",
    "ministack.services.stepfunctions:time": "",
}


def verify_internals() -> None:
    """Check that every private name in use exists and takes the expected parameters.

    Raises:
        InternalsMovedError: A name is missing or changed. The error lists these names and the installed version.
    """
    from importlib.metadata import version

    problems = []
    for name, parameters in INTERNALS.items():
        module_name, _, attribute = name.partition(":")
        dotted = f"{module_name}.{attribute}"
        try:
            found = getattr(importlib.import_module(module_name), attribute)
        except (ImportError, AttributeError):
            problems.append(f"{dotted} is gone")
            continue
        if parameters:
            actual = list(inspect.signature(found).parameters)[: len(parameters.split())]
            if actual != parameters.split():
                problems.append(f"{dotted} takes ({', '.join(actual)}), expected ({', '.join(parameters.split())})")
    if problems:
        raise InternalsMovedError(
            f"MiniStack {version('ministack')}: {'; '.join(problems)}. cdk_processing.local works with the version it "
            "pins (pip install 'cdk-processing[local]')"
        )


def internal(module: str, name: str) -> Any:
    """A private object of MiniStack. It must be listed in :data:`INTERNALS`, so that the check stays complete."""
    if f"{module}:{name}" not in INTERNALS:
        raise InternalsMovedError(f"{module}.{name} is not listed in INTERNALS, so nothing checks that it exists")
    return getattr(importlib.import_module(module), name)
