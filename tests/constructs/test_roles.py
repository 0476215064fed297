"""What all roles of a platform's jobs have in common, and the one place where roles are made."""

import json
import re
import runpy
from pathlib import Path

import jsii
import pytest
from aws_cdk import App, Aspects, IAspect, Stack, Stage
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template
from aws_cdk.cx_api import SynthesisMessageLevel
from hypothesis import given
from hypothesis import strategies as st

import cdk_processing
from cdk_processing import (
    DataBucket,
    DeclarationError,
    OnEvent,
    OnObjectCreated,
    OnSchedule,
    ProcessingJob,
    ProcessingPlatform,
    RoleStandards,
    Standards,
)

ROOT = Path(__file__).parents[2]
BOUNDARY = "arn:aws:iam::111122223333:policy/Boundary"
STANDARDS = {"permissions_boundary": BOUNDARY, "role_path": "/data/", "role_name_prefix": "acme-"}
#: What CloudFormation makes of the id of a stack.
STACK_MARK = "x" * 8


def named(name):
    """A role's name, as CloudFormation fills it in."""
    [text, mark] = name["Fn::Join"][1]
    assert mark["Fn::Select"][0] == 0
    assert "AWS::StackId" in json.dumps(mark)
    return text + STACK_MARK


def roles(template):
    return [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::IAM::Role"]


@pytest.fixture
def everything(stack, raw, request_for):
    """Two jobs with every role that this library makes; calls for the arguments of their platform."""

    def declare(**platform):
        shared = ProcessingPlatform(stack, "Platform", **platform)
        triggers = [OnObjectCreated(raw.at("in/")), OnSchedule("rate(1 day)", overlap="queue")]
        ProcessingJob(stack, "First", request_for(raw.at("in/")), triggers=triggers, platform=shared)
        second = ProcessingJob(stack, "Second", request_for(), platform=shared)
        second.add_trigger(OnEvent({"source": ["my.app"]}))
        return Template.from_stack(stack).to_json()

    return declare


def test_all_roles_have_the_boundary_the_path_and_the_prefix(everything):
    found = roles(everything(**STANDARDS))

    assert len(found) == 6
    assert {role["PermissionsBoundary"] for role in found} == {BOUNDARY}
    assert {role["Path"] for role in found} == {"/data/"}
    names = [named(role["RoleName"]) for role in found]
    assert len({name.lower() for name in names}) == 6
    assert all(name.startswith("acme-Census") and len(name) <= 64 for name in names)


def test_without_any_cloudformation_names_the_roles(everything):
    assert all({"RoleName", "Path", "PermissionsBoundary"}.isdisjoint(role) for role in roles(everything()))


def test_a_boundary_may_be_a_policy_of_the_app(stack, everything):
    boundary = iam.ManagedPolicy(stack, "Boundary", statements=[iam.PolicyStatement(actions=["s3:*"], resources=["*"])])
    found = roles(everything(permissions_boundary=boundary))

    assert {json.dumps(role["PermissionsBoundary"]) for role in found} == {
        json.dumps({"Ref": stack.resolve(boundary.managed_policy_arn)["Ref"]})
    }


def test_an_aspect_has_the_last_word(app, stack, everything):
    @jsii.implements(IAspect)
    class Mine:
        def visit(self, node):
            if isinstance(node, iam.CfnRole):
                node.role_name = f"mine-{node.node.addr[-8:]}"
                node.path = "/mine/"

    Aspects.of(app).add(Mine())
    found = roles(everything(**STANDARDS))

    assert {role["Path"] for role in found} == {"/mine/"}
    assert all(role["RoleName"].startswith("mine-") for role in found)


# -- names ------------------------------------------------------------------------------------------------------------


def names_of(make, tmp_path, **changes):
    """The names of the roles of an app whose one job has a platform of the standards, changed."""
    app = App(outdir=str(tmp_path))
    stack = Stack(Stage(app, "Prod"), "Census")
    make(stack, platform=ProcessingPlatform(stack, "Platform", **{**STANDARDS, **changes}))
    return {named(role["RoleName"]) for role in roles(Template.from_stack(stack).to_json())}


@pytest.fixture
def one_job(request_for):
    def make(stack, construct_id="Job", platform=None):
        return ProcessingJob(stack, construct_id, request_for(), platform=platform)

    return make


def test_a_role_keeps_its_name_from_deployment_to_deployment(one_job, tmp_path):
    assert names_of(one_job, tmp_path / "1") == names_of(one_job, tmp_path / "2")


def test_a_role_that_is_replaced_has_another_name(one_job, tmp_path):
    """CloudFormation makes the new role before it deletes the old one, and names are unique whatever the path."""
    before = names_of(one_job, tmp_path / "1")

    assert before.isdisjoint(names_of(one_job, tmp_path / "2", role_path="/other/"))
    assert before.isdisjoint(names_of(one_job, tmp_path / "3", role_path=None))
    moved = names_of(lambda stack, platform: one_job(stack, "Moved", platform), tmp_path / "4")
    assert before.isdisjoint(moved)


def test_a_role_whose_path_an_aspect_changes_has_another_name(app, stack, everything):
    @jsii.implements(IAspect)
    class Move:
        def visit(self, node):
            if isinstance(node, iam.CfnRole):
                node.path = "/moved/"

    before = {named(role["RoleName"]) for role in roles(everything(**STANDARDS))}
    Aspects.of(app).add(Move())
    app.synth(force=True)
    found = roles(app.synth(force=True).get_stack_by_name("Census").template)

    assert {role["Path"] for role in found} == {"/moved/"}
    after = {named(role["RoleName"]) for role in found}
    assert len(after) == 6
    assert before.isdisjoint(after)


PATHS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=300)


@given(one=PATHS, other=PATHS, prefix=st.from_regex(r"[A-Za-z0-9+=,.@_-]{1,32}", fullmatch=True))
def test_names_fit_and_differ_whatever_the_paths_are(one, other, prefix):
    standards = RoleStandards(role_name_prefix=prefix)
    names = [named(standards.name(path, None)) for path in (one, other)]

    assert standards.problems() == []
    for name in names:
        assert re.fullmatch(r"[\w+=,.@-]{1,64}", name, re.ASCII)
        assert name.startswith(prefix)
    assert (names[0].lower() == names[1].lower()) == (one == other)


def test_the_longest_prefix_leaves_the_kind_of_the_role_readable():
    name = named(RoleStandards(role_name_prefix="p" * 32).name("Prod/Census/Preprocess/ExecutionRole", "/"))

    assert len(name) == 64
    assert "ExecutionRole" in name


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"permissions_boundary": "Boundary"}, "permissions_boundary must be an iam.IManagedPolicy, or the ARN"),
        ({"permissions_boundary": 7}, "permissions_boundary must be an iam.IManagedPolicy, or the ARN"),
        ({"permissions_boundary": "arn:aws:iam::111122223333:role/x"}, "or the ARN of a managed policy"),
        ({"role_path": "data"}, "write role_path='/data/'"),
        ({"role_path": "/data"}, "write role_path='/data/'"),
        ({"role_path": "/my data/"}, "role_path must be at most 512 ASCII characters without a space"),
        ({"role_path": f"/{'x' * 511}/"}, "role_path must be at most 512"),
        ({"role_path": 7}, "write '/data/'"),
        ({"role_name_prefix": ""}, "role_name_prefix must be 1-32 letters, digits and + = , . @ _ -, got ''"),
        ({"role_name_prefix": "data team-"}, "role_name_prefix must be 1-32"),
        ({"role_name_prefix": "p" * 33}, "role_name_prefix must be 1-32"),
        ({"role_name_prefix": 7}, "role_name_prefix must be 1-32"),
    ],
)
def test_what_iam_would_refuse_is_refused_at_synth(stack, given, told):
    with pytest.raises(DeclarationError) as raised:
        ProcessingPlatform(stack, "Platform", **given)

    assert told in str(raised.value)
    assert str(raised.value).startswith("Census/Platform: 1 problem")


def test_all_that_is_wrong_is_told_at_once(stack):
    with pytest.raises(DeclarationError, match="3 problems"):
        ProcessingPlatform(stack, "Platform", permissions_boundary=1, role_path="x", role_name_prefix="&")


@pytest.mark.parametrize("path", ["/", f"/{'x' * 510}/"])
def test_the_shortest_and_the_longest_path_are_taken(path):
    assert RoleStandards(role_path=path).problems() == []


def test_a_boundary_whose_arn_is_known_at_deployment_is_taken(stack):
    policy = iam.ManagedPolicy.from_managed_policy_name(stack, "Boundary", "Boundary")

    assert RoleStandards(permissions_boundary=policy).problems() == []
    assert RoleStandards(permissions_boundary=policy.managed_policy_arn).problems() == []


# -- the one place ----------------------------------------------------------------------------------------------------


def test_a_role_is_made_in_one_function_of_the_library_alone():
    constructs = Path(cdk_processing.__file__).parent / "constructs"
    makers = [
        str(file.relative_to(constructs))
        for file in sorted(constructs.rglob("*.py"))
        if re.search(r'"AWS::IAM::Role"|\bCfnRole\(|\biam\.Role\(', file.read_text(encoding="utf-8"))
    ]

    # typed.py gives the type as an example, in words. resources.py alone calls what customized_roles.py has.
    assert [name for name in makers if name != "typed.py"] == ["customized_roles.py", "resources.py"]


@pytest.mark.parametrize("file", ["app.py", "tests/apps/three_jobs/app.py", "tests/apps/real_client/app.py"])
def test_every_role_of_every_app_here_has_the_standards_of_its_platform(file, monkeypatch):
    of = ProcessingPlatform.of

    def standard(scope):
        stack = Stack.of(scope)
        if stack.node.try_find_child("ProcessingPlatform") is None:
            ProcessingPlatform(stack, "ProcessingPlatform", **STANDARDS)
        return of(scope)

    monkeypatch.setattr(ProcessingPlatform, "of", standard)
    monkeypatch.chdir((ROOT / file).parent)
    app = runpy.run_path(str(ROOT / file))["app"]

    found = [role for stack in app.synth().stacks for role in roles(stack.template)]
    assert len(found) >= 2
    assert {role["PermissionsBoundary"] for role in found} == {BOUNDARY}
    assert {role["Path"] for role in found} == {"/data/"}
    assert all(named(role["RoleName"]).startswith("acme-") for role in found)


# -- apps that make no roles by themselves ----------------------------------------------------------------------------

NAMES = {f"Job/{role}": f"team-{role.lower()}" for role in ("ExecutionRole", "WorkflowRole", "StartRole")}


@pytest.fixture
def report(app, stack, request_for):
    """The template of a job with two triggers, and the CDK's report of roles by their paths."""

    def make():
        raw = DataBucket(stack, "Raw")  # a stack takes the call only while it is empty
        job = ProcessingJob(stack, "Job", request_for(raw.at("in/")), triggers=[OnObjectCreated(raw.at("in/"))])
        job.add_trigger(OnSchedule("rate(1 day)", overlap="skip"))
        job.execution_role.add_to_principal_policy(iam.PolicyStatement(actions=["glue:GetTable"], resources=["*"]))
        assembly = app.synth()
        found = json.loads((Path(assembly.directory) / "iam-policy-report.json").read_text())
        return assembly.get_stack_by_name("Census"), {role["roleConstructPath"]: role for role in found["roles"]}

    return make


def errors_of(artifact):
    return [str(each.entry.data) for each in artifact.messages if each.level == SynthesisMessageLevel.ERROR]


def test_an_app_that_makes_no_roles_takes_those_that_it_names(stack, report):
    iam.Role.customize_roles(stack, use_precreated_roles=NAMES)
    artifact, reported = report()

    kinds = {each["Type"] for each in artifact.template["Resources"].values()}
    assert not kinds & {"AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}
    text = json.dumps(artifact.template)
    assert all(f":role/{name}" in text for name in NAMES.values())
    assert errors_of(artifact) == []
    assert {role["roleName"] for role in reported.values()} == set(NAMES.values())


def test_the_report_has_all_that_the_roles_of_a_job_must_allow(stack, report):
    iam.Role.customize_roles(stack, use_precreated_roles=NAMES)
    _, reported = report()

    execution = reported["Census/Job/ExecutionRole"]
    text = json.dumps(execution)
    assert all(action in text for action in ("s3:GetObject", "logs:PutLogEvents", "ecr:BatchGetImage", "glue:GetTable"))
    assert "(Census/Raw/Resource.Arn)/in/*" in text
    assert "sagemaker.amazonaws.com" in json.dumps(execution["assumeRolePolicy"])
    # What triggers and turns need, which came later.
    assert "states:DescribeExecution" in json.dumps(reported["Census/Job/WorkflowRole"])
    assert "sqs:SendMessage" in json.dumps(reported["Census/Job/StartRole"])
    trust = json.dumps(reported["Census/Job/StartRole"]["assumeRolePolicy"])
    assert all(each in trust for each in ("events.amazonaws.com", "scheduler.amazonaws.com", "aws:SourceAccount"))


def test_the_report_has_the_policy_that_denies_what_breaks_the_standards(app, stack, request_for):
    platform = ProcessingPlatform(Stack(app, "Shared"), "Platform", standards=Standards(network_isolation=True))
    iam.Role.customize_roles(stack, use_precreated_roles={"Job/ExecutionRole": "run", "Job/WorkflowRole": "launch"})
    ProcessingJob(stack, "Job", request_for(), platform=platform)
    assembly = app.synth()

    text = (Path(assembly.directory) / "iam-policy-report.json").read_text()
    attached = {role["roleConstructPath"]: role["managedPolicyArns"] for role in json.loads(text)["roles"]}
    assert attached["Census/Job/ExecutionRole"] == []
    [policy] = attached["Census/Job/WorkflowRole"]
    assert "Standards" in str(policy)


def test_a_role_that_is_not_named_is_an_error_of_the_cdk_with_its_path(stack, report):
    iam.Role.customize_roles(stack)
    artifact, reported = report()

    errors = errors_of(artifact)
    assert all(any(f'"Census/{path}"' in error for error in errors) for path in NAMES)
    assert all(role["missing"] for role in reported.values())


def test_a_call_for_another_stack_leaves_jobs_alone(app, stack, request_for):
    iam.Role.customize_roles(Stack(app, "Other"))

    assert len(roles(template_of(stack, request_for))) == 2


def test_a_report_alone_changes_nothing_in_the_template(stack, request_for, report):
    iam.Role.customize_roles(stack, prevent_synthesis=False)
    artifact, reported = report()

    plain = Stack(App(), "Census")
    raw = DataBucket(plain, "Raw")
    job = ProcessingJob(plain, "Job", request_for(raw.at("in/")), triggers=[OnObjectCreated(raw.at("in/"))])
    job.add_trigger(OnSchedule("rate(1 day)", overlap="skip"))
    usual = Template.from_stack(plain).to_json()["Resources"]
    assert artifact.template["Resources"].keys() == usual.keys()
    for name, each in usual.items():
        if each["Type"] == "AWS::IAM::Role":
            assert artifact.template["Resources"][name]["Properties"]["Policies"] == each["Properties"]["Policies"]
    assert set(reported) == {f"Census/{path}" for path in NAMES}


def template_of(stack, request_for):
    ProcessingJob(stack, "Job", request_for())
    return Template.from_stack(stack).to_json()
