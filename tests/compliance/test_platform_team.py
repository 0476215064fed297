"""An app as a platform team writes one, with the flags of a new app: what it sets reaches all resources and runs."""

import json
import re

import pytest
from aws_cdk import App, Environment, PermissionsBoundary, Stack, Stage, pipelines
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from cdk_processing import DataBucket, OnObjectCreated, ProcessingJob, SKLearnProcessor
from tests.apps.platform_team.app import company_app

BOUNDARY = "company-boundary"
#: Types that CloudFormation gives no tags, or that the CDK does not tag; see tests/constructs/test_run_tags.py.
UNTAGGED = {
    "AWS::CDK::Metadata",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
}


@pytest.fixture(scope="module")
def templates(new_app_flags, tmp_path_factory):
    """The templates of the app, by stage and stack, the nested ones among them."""
    out = tmp_path_factory.mktemp("company")
    (out.parent / "pass_on.py").write_text("print('copied')\n")
    context = {**new_app_flags, "@aws-cdk/core:permissionsBoundary": {"name": BOUNDARY}}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(out.parent)
        app = company_app(context, jobs=8, stacks=5, outdir=str(out))
        app.synth()
    found = {str(file.relative_to(out)): json.loads(file.read_text()) for file in out.rglob("*.template.json")}
    assert len(found) == 2 * (1 + 5 + 5)
    return found


def resources(templates, kind=None):
    return [
        (f"{file}/{name}", found)
        for file, template in templates.items()
        for name, found in template["Resources"].items()
        if kind in (None, found["Type"])
    ]


def test_there_are_more_than_100_jobs_over_several_stacks(templates):
    assert len(resources(templates, "AWS::StepFunctions::StateMachine")) == 2 * 5 * (8 + 4)


def test_every_taggable_resource_has_the_tags_of_its_stage(templates):
    untagged = {}
    for name, found in resources(templates):
        tags = {tag["Key"]: tag["Value"] for tag in found["Properties"].get("Tags", [])}
        if tags.get("cost-center") != "4711" or "stage" not in tags:
            untagged.setdefault(found["Type"], name)
    assert set(untagged) <= UNTAGGED, untagged


def test_every_run_of_every_job_carries_the_tags(templates):
    for name, found in resources(templates, "AWS::StepFunctions::StateMachine"):
        text = json.dumps(found["Properties"]["DefinitionString"]).replace('\\"', '"').replace('\\"', '"')
        for key, value in {"cost-center": "4711", "layer": "jobs"}.items():
            assert re.search(rf'"Key\\*":\\*"{key}\\*",\\*"Value\\*":\\*"{value}\\*"', text), name


def test_every_role_has_the_boundary_of_the_context_and_what_the_aspect_gives_it(templates):
    roles = resources(templates, "AWS::IAM::Role")

    assert len(roles) == 3 * 2 * 5 * (8 + 4)
    for name, role in roles:
        assert BOUNDARY in json.dumps(role["Properties"]["PermissionsBoundary"]), name
        assert role["Properties"]["Path"] == "/company/", name
    names = [json.dumps(role["Properties"]["RoleName"]) for _, role in roles]
    assert len(set(names)) == len(names)


def test_what_aspects_and_mixins_set_by_type_is_deployed(templates):
    machines = resources(templates, "AWS::StepFunctions::StateMachine")
    assert {m["Properties"]["LoggingConfiguration"]["IncludeExecutionData"] for _, m in machines} == {False}
    queues = resources(templates, "AWS::SQS::Queue")
    assert {queue["Properties"]["MessageRetentionPeriod"] for _, queue in queues} == {345_600}


def test_a_boundary_is_applied_by_the_cdks_own_call(new_app_flags, request_for_company, tmp_path):
    app = App(context=new_app_flags, outdir=str(tmp_path))
    stack = Stack(app, "Jobs")
    request_for_company(stack)
    iam.PermissionsBoundary.of(app).apply(iam.ManagedPolicy.from_managed_policy_name(stack, "B", BOUNDARY))
    roles = resources({"Jobs": app.synth().get_stack_by_name("Jobs").template}, "AWS::IAM::Role")

    assert len(roles) == 3
    assert all(BOUNDARY in json.dumps(role["Properties"]["PermissionsBoundary"]) for _, role in roles)


def test_a_boundary_of_a_stage_reaches_all_roles(new_app_flags, request_for_company, tmp_path):
    app = App(context=new_app_flags, outdir=str(tmp_path))
    stage = Stage(app, "Prod", permissions_boundary=PermissionsBoundary.from_name(BOUNDARY))
    request_for_company(Stack(stage, "Jobs"))
    roles = resources({"Jobs": stage.synth().stacks[0].template}, "AWS::IAM::Role")

    assert len(roles) == 3
    assert all(BOUNDARY in json.dumps(role["Properties"]["PermissionsBoundary"]) for _, role in roles)


@pytest.fixture
def request_for_company():
    """Declares a job that arrivals launch."""

    def declare(stack):
        raw = DataBucket(stack, "Raw")
        processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
        return ProcessingJob(
            stack, "Job", processor.run(code="s3://code/prep.py"), triggers=[OnObjectCreated(raw.at("in/"))]
        )

    return declare


def test_cdk_pipelines_deploy_the_stages_with_one_project_for_the_script_of_each_job(
    new_app_flags, tmp_path, monkeypatch
):
    """A pipeline synthesizes a stage as soon as it is added, so everything of the stage must be there by then."""
    (tmp_path / "pass_on.py").write_text("print('copied')\n")
    monkeypatch.chdir(tmp_path)
    app = App(context=new_app_flags, outdir=str(tmp_path / "out"))
    home = Stack(app, "Delivery", env=Environment(account="111122223333", region="eu-central-1"))
    source = pipelines.CodePipelineSource.s3(s3.Bucket(home, "Source"), "app.zip")
    pipeline = pipelines.CodePipeline(
        home, "Pipeline", synth=pipelines.ShellStep("Synth", input=source, commands=["cdk synth"])
    )
    processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
    for name in ("Test", "Prod"):
        stage = Stage(app, name, env=Environment(account="111122223333", region="eu-central-1"))
        stack = Stack(stage, "Jobs", tags={"cost-center": "4711"})
        raw = DataBucket(stack, "Raw")
        for number in range(3):
            ProcessingJob(
                stack,
                f"Job{number}",
                processor.run(code="pass_on.py"),
                triggers=[OnObjectCreated(raw.at(f"{number}/"))],
            )
        pipeline.add_stage(stage)
    app.synth()

    template = json.loads((tmp_path / "out" / "Delivery.template.json").read_text())
    # One that synthesizes, one that changes the pipeline itself, and one for the script of each job, for both stages.
    projects = resources({"Delivery": template}, "AWS::CodeBuild::Project")
    assert len(projects) == 1 + 1 + 3
    for name in ("Test", "Prod"):
        [file] = (tmp_path / "out").rglob(f"{name}*.template.json")
        deployed = json.loads(file.read_text())
        assert "4711" in json.dumps(resources({name: deployed}, "AWS::StepFunctions::StateMachine"))
        buckets = [found["Properties"] for _, found in resources({name: deployed}, "AWS::S3::Bucket")]
        assert {json.dumps(each["NotificationConfiguration"]) for each in buckets} == {
            '{"EventBridgeConfiguration": {"EventBridgeEnabled": true}}'
        }
