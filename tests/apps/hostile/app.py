"""An app that tries to get a job past the standards, one way in each stack."""

import json
from pathlib import Path

from aws_cdk import App, CfnResource, Environment, NestedStack, Stack, Stage
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import custom_resources as cr

REGION = "us-east-1"
SYNC = "arn:aws:states:::sagemaker:createProcessingJob.sync"
ROLE = "arn:aws:iam::111122223333:role/execution"


def request(**network):
    return {
        "ProcessingJobName": "nightly",
        "AppSpecification": {"ImageUri": "docker.io/anything:latest"},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
        },
        "NetworkConfig": {"EnableNetworkIsolation": False, **network},
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "all",
                    "S3Output": {
                        "LocalPath": "/opt/ml/processing/out",
                        "S3Uri": "s3://theirs/out/",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        "RoleArn": ROLE,
    }


def task(parameters, resource=SYNC, **fields):
    return {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True, **fields}


def definition(state, name="Prep"):
    return {"StartAt": name, "States": {name: state}}


def machine_role(scope, *, statements=()):
    role = iam.Role(scope, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
    for statement in statements:
        role.add_to_policy(iam.PolicyStatement(**statement))
    return role


def machine(scope, document, **properties):
    sfn.CfnStateMachine(scope, "Machine", role_arn=ROLE, definition_string=json.dumps(document), **properties)


def by_json_text(scope):
    machine(scope, definition(task(request())))


def by_json_text_with_tokens(scope):
    document = definition(task({**request(), "RoleArn": machine_role(scope).role_arn}))
    sfn.CfnStateMachine(scope, "Machine", role_arn=ROLE, definition_string=scope.to_json_string(document))


def by_definition_object(scope):
    sfn.CfnStateMachine(scope, "Machine", role_arn=ROLE, definition=definition(task(request())))


def by_l2_custom_state(scope):
    state = sfn.CustomState(scope, "Prep", state_json=task(request()))
    sfn.StateMachine(scope, "Machine", definition_body=sfn.DefinitionBody.from_chainable(state))


def by_map_in_parallel(scope):
    inner = {"Type": "Map", "End": True, "ItemProcessor": definition(task(request()))}
    machine(scope, definition({"Type": "Parallel", "End": True, "Branches": [definition(inner, "Each")]}, "Both"))


def by_the_sdk_integration(scope):
    machine(scope, definition(task(request(), "arn:aws:states:::aws-sdk:sagemaker:createProcessingJob")))


def by_jsonata(scope):
    state = {"Type": "Task", "Resource": SYNC, "End": True, "Arguments": request(EnableNetworkIsolation="{% false %}")}
    machine(scope, {"QueryLanguage": "JSONata", **definition(state)})


def by_its_own_input(scope):
    machine(scope, definition({"Type": "Task", "Resource": SYNC, "End": True}))


def by_json_path(scope):
    network = {"EnableNetworkIsolation.$": "$.isolated"}
    machine(scope, definition(task({**request(), "NetworkConfig": network})))


def by_substitution(scope):
    text = json.dumps(definition(task(request(EnableNetworkIsolation="ISOLATED"))))
    sfn.CfnStateMachine(
        scope,
        "Machine",
        role_arn=ROLE,
        definition_string=text.replace('"ISOLATED"', "${isolated}").replace(SYNC, "${call}"),
        definition_substitutions={"isolated": "false", "call": SYNC},
    )


def by_a_file(scope):
    file = Path(scope.node.root.outdir) / "hostile.asl.json"
    file.write_text(json.dumps(definition(task(request()))), encoding="utf-8")
    sfn.StateMachine(scope, "Machine", definition_body=sfn.DefinitionBody.from_file(str(file)))


def by_a_definition_of_elsewhere(scope):
    sfn.CfnStateMachine(
        scope,
        "Machine",
        role_arn=ROLE,
        definition_s3_location=sfn.CfnStateMachine.S3LocationProperty(bucket="theirs", key="machine.json"),
    )


def by_an_override(scope):
    made = sfn.CfnStateMachine(
        scope, "Machine", role_arn=ROLE, definition_string=json.dumps(definition({"Type": "Pass", "End": True}))
    )
    made.add_property_override("DefinitionString", json.dumps(definition(task(request()))))


def by_cloudformation(scope):
    CfnResource(scope, "Job", type="AWS::SageMaker::ProcessingJob", properties=request())


def by_a_schedule(scope):
    target = {
        "Arn": "arn:aws:scheduler:::aws-sdk:sagemaker:createProcessingJob",
        "RoleArn": ROLE,
        "Input": json.dumps(request()),
    }
    properties = {"ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
    CfnResource(scope, "Schedule", type="AWS::Scheduler::Schedule", properties=properties)


def by_a_pipeline(scope):
    body = {"Version": "2020-12-01", "Steps": [{"Name": "Prep", "Type": "Processing", "Arguments": request()}]}
    properties = {
        "PipelineName": "hostile",
        "RoleArn": ROLE,
        "PipelineDefinition": {"PipelineDefinitionBody": json.dumps(body)},
    }
    CfnResource(scope, "Pipeline", type="AWS::SageMaker::Pipeline", properties=properties)


def by_a_custom_resource(scope):
    call = cr.AwsSdkCall(
        service="SageMaker",
        action="createProcessingJob",
        parameters=request(),
        physical_resource_id=cr.PhysicalResourceId.of("job"),
    )
    policy = cr.AwsCustomResourcePolicy.from_statements(
        [iam.PolicyStatement(actions=["sagemaker:AddTags"], resources=["*"])]
    )
    cr.AwsCustomResource(scope, "Call", on_create=call, policy=policy)


def by_a_nested_stack(scope):
    by_json_text(NestedStack(scope, "Nested"))


def by_a_function_that_may_create_jobs(scope):
    role = iam.Role(scope, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    role.add_to_policy(iam.PolicyStatement(actions=["sagemaker:Create*"], resources=["*"]))


def by_a_managed_policy_for_anybody(scope):
    iam.ManagedPolicy(
        scope, "Policy", statements=[iam.PolicyStatement(actions=["sagemaker:CreateProcessingJob"], resources=["*"])]
    )


def by_full_access(scope):
    iam.Role(
        scope,
        "Role",
        assumed_by=iam.ServicePrincipal("glue.amazonaws.com"),
        managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("AmazonSageMakerFullAccess")],
    )


def with_pass_role_on_everything(scope):
    machine_role(scope, statements=[{"actions": ["iam:PassRole"], "resources": ["*"]}])


def with_pass_role_by_iam_star(scope):
    machine_role(scope, statements=[{"actions": ["iam:*"], "resources": ["arn:aws:iam::111122223333:role/*"]}])


def with_a_public_bucket(scope):
    open_to_all = s3.BlockPublicAccess(
        block_public_acls=False, block_public_policy=False, ignore_public_acls=False, restrict_public_buckets=False
    )
    bucket = s3.Bucket(scope, "Bucket", block_public_access=open_to_all)
    bucket.grant_public_access()


def in_another_region(scope):
    machine(scope, definition(task(request())))


def in_a_stage(app):
    by_json_text(Stack(Stage(app, "Stage", env=Environment(region=REGION)), "InAStage"))


#: The rule that each way breaks, and the path of what breaks it, below the stack.
BREACHES = {
    "ByJsonText": (by_json_text, "network_isolation", "Machine/Prep"),
    "ByJsonTextWithTokens": (by_json_text_with_tokens, "network_isolation", "Machine/Prep"),
    "ByDefinitionObject": (by_definition_object, "network_isolation", "Machine/Prep"),
    "ByL2CustomState": (by_l2_custom_state, "network_isolation", "Machine/Prep"),
    "ByMapInParallel": (by_map_in_parallel, "network_isolation", "Machine/Prep"),
    "ByTheSdkIntegration": (by_the_sdk_integration, "network_isolation", "Machine/Prep"),
    "ByJsonata": (by_jsonata, "network_isolation", "Machine/Prep"),
    "ByItsOwnInput": (by_its_own_input, "network_isolation", "Machine/Prep"),
    "ByJsonPath": (by_json_path, "network_isolation", "Machine/Prep"),
    "BySubstitution": (by_substitution, "network_isolation", "Machine/Prep"),
    "ByAFile": (by_a_file, "network_isolation", "Machine/Prep"),
    "ByADefinitionOfElsewhere": (by_a_definition_of_elsewhere, "known_jobs", "Machine"),
    "ByAnOverride": (by_an_override, "network_isolation", "Machine/Prep"),
    "ByCloudFormation": (by_cloudformation, "network_isolation", "Job"),
    "ByASchedule": (by_a_schedule, "network_isolation", "Schedule"),
    "ByAPipeline": (by_a_pipeline, "network_isolation", "Pipeline/Prep"),
    "ByACustomResource": (by_a_custom_resource, "network_isolation", "Call"),
    "ByANestedStack": (by_a_nested_stack, "network_isolation", "Nested/Machine/Prep"),
    "ByAFunctionThatMayCreateJobs": (by_a_function_that_may_create_jobs, "known_jobs", "Role/DefaultPolicy"),
    "ByAManagedPolicyForAnybody": (by_a_managed_policy_for_anybody, "known_jobs", "Policy"),
    "ByFullAccess": (by_full_access, "known_jobs", "Role"),
    "WithPassRoleOnEverything": (with_pass_role_on_everything, "pass_role", "Role/DefaultPolicy"),
    "WithPassRoleByIamStar": (with_pass_role_by_iam_star, "pass_role", "Role/DefaultPolicy"),
    "WithAPublicBucket": (with_a_public_bucket, "private_buckets", "Bucket"),
    "InAnotherRegion": (in_another_region, "regions", "Machine/Prep"),
}


def build(app, names=tuple(BREACHES)):
    """A stack for each way."""
    for name in names:
        region = "sa-east-1" if name == "InAnotherRegion" else REGION
        BREACHES[name][0](Stack(app, name, env=Environment(region=region)))
    return app


if __name__ == "__main__":
    build(App()).synth()
