"""Calls that AWS makes as a job's roles, and calls beside them: what each may do, written down.

The policies are those that the library makes of a declaration. The calls are those of AWS's documents, also where the
embedded AWS makes none: queries, feature groups, VPCs, volumes with a key, streams of logs, standards.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cdk_processing.access.datasets import AthenaAccess, RedshiftAccess
from cdk_processing.access.execution import BucketAccess, ExecutionAccess, execution_statements
from cdk_processing.access.launching import LaunchAccess, send_dead_letters, start_statements, workflow_statements
from cdk_processing.access.statement import Place
from cdk_processing.request.tokens import LIST_TOKEN
from cdk_processing.standards.denials import deny_statements, permissions_boundary
from cdk_processing.standards.standards import Standards
from cdk_processing.workflow.items import item_statements
from cdk_processing.workflow.line import line_statements
from cdk_processing.workflow.turns import TURNS

__all__ = ["CALLS", "POLICIES", "Call"]

ACCOUNT, REGION = "111122223333", "eu-west-1"
PLACE = Place("aws", REGION, ACCOUNT)
RUN = "0123456789abcdef0123456789abcdef"
RAW, RESULTS, CODE = "arn:aws:s3:::raw", "arn:aws:s3:::results", "arn:aws:s3:::code"
QUEUE = PLACE.arn("sqs", "dead-letters")
TABLE = PLACE.arn("dynamodb", "table/turns")
MACHINE = PLACE.arn("states", "stateMachine:prep")
REPOSITORY = "arn:aws:ecr:eu-west-1:141502667606:repository/sagemaker-scikit-learn"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/prep"
GROUP = PLACE.arn("logs", "log-group:/aws/sagemaker/ProcessingJobs")
PACKAGES = PLACE.arn("codeartifact", "repository/company/python")


def key(name):
    return PLACE.arn("kms", f"key/{name}")


@dataclass(frozen=True)
class Call:
    """A call of a role, and whether its policy allows it.

    Attributes:
        policy: The name of a policy of ``POLICIES``.
        sid: The statement that decides: the one that allows it, or in standards the one that denies it. "" for none.
        action: The action.
        resource: The resource.
        context: The condition keys of the request.
    """

    policy: str
    sid: str
    action: str
    resource: str = "*"
    context: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_allowed(self):
        """Whether the policy allows it."""
        return bool(self.sid) != (self.policy in DENYING)

    def __str__(self):
        what = f"{self.sid or 'nothing'}: {self.action} on {self.resource.rpartition(':')[2]}"
        return f"{self.policy}: {what} {' '.join(f'{k}={v}' for k, v in self.context.items())}".rstrip()


_EXECUTION = ExecutionAccess(
    PLACE,
    "prep",
    reads=(BucketAccess(RAW, "in/", key_arn=key("raw")), BucketAccess(CODE, "prep.py", exact=True)),
    writes=(BucketAccess(RESULTS, "out/", key_arn=key("results")),),
    repository_arn=REPOSITORY,
    volume_key=key("volume"),
    subnets=("subnet-1",),
    security_groups=("sg-1",),
    athena=(
        AthenaAccess("AwsDataCatalog", "sales", "primary", RESULTS, f"{RESULTS}/out/*"),
        AthenaAccess("ddb", "sales", "primary", RESULTS, f"{RESULTS}/out/*"),
    ),
    redshift=(RedshiftAccess("warehouse", "sales", "reader"),),
    feature_groups=("Customers",),
    packages=PACKAGES,
)
_BY_ALIAS = ExecutionAccess(
    PLACE,
    "prep",
    reads=(BucketAccess(RAW, "in/", key_arn="alias/raw"),),
    writes=(BucketAccess(RESULTS, "out/", key_arn="alias/results"),),
    volume_key="alias/volume",
)
_LAUNCH = LaunchAccess(
    PLACE,
    "prep",
    execution_role_arn=ROLE,
    queue_arn=QUEUE,
    key_arn=key("platform"),
    manifests="arn:aws:s3:::work/manifests/prep/",
    manifest_key=key("platform"),
    admitting=[*item_statements(TABLE, key("platform"), "Stack/Prep"), *TURNS.machine_policy.statements(PLACE, "prep")],
    announces=True,
)
_STANDARDS = replace(
    Standards.strict(),
    instance_types=["ml.m5.*"],
    subnets=["subnet-1"],
    security_groups=["sg-1"],
    required_tags={"team": ["data"], "cost-center": []},
    regions=[REGION],
    image_repositories=["141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-*"],
)


_OF_A_LIST = ExecutionAccess(
    PLACE, "prep", subnets=(f"{LIST_TOKEN}subnets]}}",), security_groups=(f"{LIST_TOKEN}groups]}}",)
)


def _rendered(statements):
    return [each.render() for each in statements]


def _deployed(access):
    """With the lists that only CloudFormation knows, each of one item."""
    text = json.dumps(_rendered(execution_statements(access)))
    return json.loads(text.replace(access.subnets[0], "subnet-1").replace(access.security_groups[0], "sg-1"))


POLICIES = {
    "execution": _rendered(execution_statements(_EXECUTION)),
    "execution, keys by alias": _rendered(execution_statements(_BY_ALIAS)),
    "execution, subnets of a list": _deployed(_OF_A_LIST),
    "workflow": _rendered(workflow_statements(_LAUNCH)),
    "start": _rendered([*start_statements(MACHINE), *send_dead_letters(_LAUNCH)]),
    "line": _rendered(line_statements(PLACE, TABLE, key("platform"))),
    "standards": [
        {"Sid": "Create", "Effect": "Allow", "Action": "sagemaker:CreateProcessingJob", "Resource": "*"},
        *deny_statements(_STANDARDS),
    ],
    "boundary": permissions_boundary(_STANDARDS)["Statement"],
}
#: Policies whose statements deny: the one that decides a call of these denies it.
DENYING = ("standards", "boundary")


def _through(service):
    return {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}


def _execution():
    """The execution role: what is declared, and what lies beside it."""
    name = "execution"
    below = {"s3:prefix": "in/"}
    stream = f"{GROUP}:log-stream:prep-{RUN}-1/algo-1-1700000000"
    interface = PLACE.arn("ec2", "network-interface/eni-1")
    own_subnet = {"ec2:Subnet": PLACE.arn("ec2", "subnet/subnet-1")}
    yield Call(name, "ReadInputs", "s3:GetObject", f"{RAW}/in/2026/a.csv")
    yield Call(name, "ReadInputs", "s3:GetObject", f"{CODE}/prep.py")
    yield Call(name, "", "s3:GetObject", f"{CODE}/prep.py.key")
    yield Call(name, "", "s3:GetObject", f"{RAW}/inside.csv")
    yield Call(name, "", "s3:GetObject", f"{RAW}/other/a.csv")
    yield Call(name, "", "s3:GetObject", "arn:aws:s3:::raw-of-others/in/a.csv")
    yield Call(name, "", "s3:GetObjectVersion", f"{RAW}/in/a.csv")
    yield Call(name, "", "s3:PutObject", f"{RAW}/in/a.csv")
    yield Call(name, "", "s3:DeleteObject", f"{RESULTS}/out/a.csv")
    yield Call(name, "ListInputs", "s3:ListBucket", RAW, below)
    yield Call(name, "ListInputs2", "s3:ListBucket", CODE, {"s3:prefix": "prep.py"})
    yield Call(name, "", "s3:ListBucket", RAW, {"s3:prefix": "other/"})
    yield Call(name, "", "s3:ListBucket", RAW)
    yield Call(name, "", "s3:ListBucket", RESULTS, {"s3:prefix": "out/"})
    yield Call(name, "WriteOutputs", "s3:PutObject", f"{RESULTS}/out/a.csv")
    yield Call(name, "WriteOutputs", "s3:AbortMultipartUpload", f"{RESULTS}/out/a.csv")
    yield Call(name, "", "s3:PutObject", f"{RESULTS}/other/a.csv")
    yield Call(name, "", "s3:GetObject", f"{RESULTS}/other/a.csv")
    for action in ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer"):
        yield Call(name, "PullImage", f"ecr:{action}", REPOSITORY)
        yield Call(name, "", f"ecr:{action}", REPOSITORY.replace("scikit-learn", "xgboost"))
    yield Call(name, "", "ecr:PutImage", REPOSITORY)
    yield Call(name, "LogInToRegistry", "ecr:GetAuthorizationToken")
    yield Call(name, "MakeLogs", "logs:CreateLogGroup", GROUP)
    yield Call(name, "WriteLogs", "logs:PutLogEvents", stream)
    yield Call(name, "", "logs:PutLogEvents", stream.replace("prep-", "theirs-"))
    yield Call(name, "", "logs:PutLogEvents", PLACE.arn("logs", "log-group:/aws/lambda/theirs:log-stream:x"))
    yield Call(name, "", "logs:GetLogEvents", stream)
    namespace = "cloudwatch:namespace"
    yield Call(name, "WriteMetrics", "cloudwatch:PutMetricData", context={namespace: "/aws/sagemaker/ProcessingJobs"})
    yield Call(name, "", "cloudwatch:PutMetricData", context={namespace: "AWS/Billing"})
    yield Call(name, "DecryptInputs", "kms:Decrypt", key("raw"), _through("s3"))
    yield Call(name, "", "kms:Decrypt", key("raw"), _through("secretsmanager"))
    yield Call(name, "", "kms:Decrypt", key("raw"))
    yield Call(name, "", "kms:Decrypt", key("theirs"), _through("s3"))
    yield Call(name, "EncryptOutputs", "kms:GenerateDataKey", key("results"), _through("s3"))
    yield Call(name, "EncryptOutputs", "kms:Encrypt", key("results"))
    yield Call(name, "", "kms:GenerateDataKey", key("raw"), _through("s3"))
    yield Call(name, "DecryptOutputParts", "kms:Decrypt", key("results"), _through("s3"))
    yield Call(name, "", "kms:Decrypt", key("results"), _through("dynamodb"))
    yield Call(name, "EncryptVolumes", "kms:CreateGrant", key("volume"), {"kms:GrantIsForAWSResource": "true"})
    yield Call(name, "", "kms:CreateGrant", key("volume"), {"kms:GrantIsForAWSResource": "false"})
    yield Call(name, "", "kms:CreateGrant", key("volume"))
    yield Call(name, "", "kms:CreateGrant", key("theirs"), {"kms:GrantIsForAWSResource": "true"})
    yield Call(name, "DescribeVolumeKey", "kms:DescribeKey", key("volume"))
    yield Call(name, "", "kms:ScheduleKeyDeletion", key("volume"))
    for made in ("subnet/subnet-1", "security-group/sg-1", "network-interface/eni-1"):
        yield Call(name, "MakeNetworkInterfaces", "ec2:CreateNetworkInterface", PLACE.arn("ec2", made))
    shared = f"arn:aws:ec2:{REGION}:444455556666:subnet/subnet-1"
    yield Call(name, "MakeNetworkInterfaces", "ec2:CreateNetworkInterface", shared)
    yield Call(name, "", "ec2:CreateNetworkInterface", PLACE.arn("ec2", "subnet/subnet-9"))
    yield Call(name, "", "ec2:CreateNetworkInterface", PLACE.arn("ec2", "security-group/sg-9"))
    for action in ("CreateNetworkInterfacePermission", "DeleteNetworkInterface"):
        yield Call(name, "UseNetworkInterfaces", f"ec2:{action}", interface, own_subnet)
        other = {"ec2:Subnet": PLACE.arn("ec2", "subnet/subnet-9")}
        yield Call(name, "", f"ec2:{action}", interface, other)
    yield Call(name, "LookAtVpc", "ec2:DescribeVpcs", context={"ec2:Region": REGION})
    yield Call(name, "LookAtVpc", "ec2:DeleteNetworkInterfacePermission", context={"ec2:Region": REGION})
    yield Call(name, "", "ec2:DeleteNetworkInterfacePermission", context={"ec2:Region": "us-east-1"})
    yield Call(name, "", "iam:PassRole", ROLE, {"iam:PassedToService": "sagemaker.amazonaws.com"})
    yield Call(name, "", "sts:AssumeRole", ROLE)
    yield from _elsewhere(name)


def _elsewhere(name):
    """Queries, feature groups and packages."""
    workgroup = PLACE.arn("athena", "workgroup/primary")
    yield Call(name, "RunAthenaQueries", "athena:StartQueryExecution", workgroup)
    yield Call(name, "", "athena:StartQueryExecution", PLACE.arn("athena", "workgroup/finance"))
    yield Call(name, "ReadAthenaCatalogs", "athena:GetDataCatalog", PLACE.arn("athena", "datacatalog/ddb"))
    yield Call(name, "", "athena:GetDataCatalog", PLACE.arn("athena", "datacatalog/theirs"))
    yield Call(name, "FindAthenaResults", "s3:GetBucketLocation", RESULTS)
    yield Call(name, "", "s3:GetBucketLocation", RAW)
    yield Call(name, "ListAthenaUploads", "s3:ListMultipartUploadParts", f"{RESULTS}/out/a.csv")
    yield Call(name, "", "s3:ListMultipartUploadParts", f"{RESULTS}/other/a.csv")
    yield Call(name, "ReadCatalog", "glue:GetPartitions", PLACE.arn("glue", "table/sales/orders"))
    yield Call(name, "", "glue:GetPartitions", PLACE.arn("glue", "table/finance/orders"))
    yield Call(name, "MakeScratchDatabase", "glue:CreateDatabase", PLACE.arn("glue", "database/sagemaker_processing"))
    yield Call(name, "", "glue:CreateDatabase", PLACE.arn("glue", "database/sales"))
    scratch = PLACE.arn("glue", "table/sagemaker_processing/sagemaker_tmp_1")
    yield Call(name, "UseScratchTables", "glue:CreateTable", scratch)
    yield Call(name, "", "glue:DeleteTable", PLACE.arn("glue", "table/sales/orders"))
    user = PLACE.arn("redshift", "dbuser:warehouse/reader")
    yield Call(name, "SignInToRedshift", "redshift:GetClusterCredentials", user)
    yield Call(name, "", "redshift:GetClusterCredentials", user.replace("reader", "admin"))
    cluster = PLACE.arn("redshift", "cluster:warehouse")
    yield Call(name, "RunRedshiftQueries", "redshift-data:ExecuteStatement", cluster)
    yield Call(name, "", "redshift-data:ExecuteStatement", cluster.replace("warehouse", "finance"))
    owner = "redshift-data:statement-owner-iam-userid"
    mine = {owner: "AROA1:prep", "aws:userid": "AROA1:prep"}
    yield Call(name, "FollowRedshiftQueries", "redshift-data:DescribeStatement", "*", mine)
    yield Call(name, "", "redshift-data:DescribeStatement", "*", {**mine, owner: "AROA2:theirs"})
    group = PLACE.arn("sagemaker", "feature-group/customers")
    yield Call(name, "PutFeatures", "sagemaker:PutRecord", group)
    yield Call(name, "", "sagemaker:PutRecord", group.replace("customers", "accounts"))
    yield Call(name, "", "sagemaker:DeleteRecord", group)
    domain = PLACE.arn("codeartifact", "domain/company")
    yield Call(name, "LogInToCodeArtifact", "codeartifact:GetAuthorizationToken", domain)
    yield Call(name, "ReadPackages", "codeartifact:ReadFromRepository", PACKAGES)
    yield Call(name, "", "codeartifact:ReadFromRepository", PACKAGES.replace("python", "npm"))
    bearer = {"sts:AWSServiceName": "codeartifact.amazonaws.com"}
    yield Call(name, "GetPackageToken", "sts:GetServiceBearerToken", context=bearer)
    other = {"sts:AWSServiceName": "ecr-public.amazonaws.com"}
    yield Call(name, "", "sts:GetServiceBearerToken", context=other)


def _of_aliases():
    """Keys of which only the alias is known: the condition compares the aliases of the key."""
    name, aliases = "execution, keys by alias", "kms:ResourceAliases"
    grant = {"kms:GrantIsForAWSResource": "true"}
    for sid, action, alias, context in (
        ("DecryptInputsByAlias", "kms:Decrypt", "alias/raw", _through("s3")),
        ("EncryptOutputsByAlias", "kms:GenerateDataKey", "alias/results", {}),
        ("DecryptOutputPartsByAlias", "kms:Decrypt", "alias/results", _through("s3")),
        ("EncryptVolumesByAlias", "kms:CreateGrant", "alias/volume", grant),
        ("DescribeVolumeKeyByAlias", "kms:DescribeKey", "alias/volume", {}),
    ):
        yield Call(name, sid, action, key("1"), {aliases: ["alias/first", alias], **context})
        yield Call(name, "", action, key("1"), {aliases: ["alias/theirs"], **context})
        yield Call(name, "", action, key("1"), context)


def _of_a_list():
    """Subnets and groups of a list that only CloudFormation knows."""
    name, make = "execution, subnets of a list", "ec2:CreateNetworkInterface"
    interface = PLACE.arn("ec2", "network-interface/eni-1")
    yield Call(name, "MakeNetworkInterfaces", make, interface)
    yield Call(name, "MakeInSubnets", make, PLACE.arn("ec2", "subnet/subnet-1"), {"ec2:SubnetID": "subnet-1"})
    yield Call(name, "", make, PLACE.arn("ec2", "subnet/subnet-9"), {"ec2:SubnetID": "subnet-9"})
    yield Call(name, "MakeInGroups", make, PLACE.arn("ec2", "security-group/sg-1"), {"ec2:SecurityGroupID": "sg-1"})
    yield Call(name, "", make, PLACE.arn("ec2", "security-group/sg-9"), {"ec2:SecurityGroupID": "sg-9"})
    use, subnet = "ec2:DeleteNetworkInterface", PLACE.arn("ec2", "subnet/subnet-1")
    yield Call(name, "UseNetworkInterfaces", use, interface, {"ec2:Subnet": subnet})
    yield Call(name, "", use, interface, {"ec2:Subnet": subnet.replace("subnet-1", "subnet-9")})


def _workflow():
    """The state machine's role."""
    name = "workflow"
    job = PLACE.arn("sagemaker", f"processing-job/prep-{RUN}-1")
    for action in ("AddTags", "CreateProcessingJob", "DescribeProcessingJob", "StopProcessingJob"):
        yield Call(name, "RunJobs", f"sagemaker:{action}", job)
        yield Call(name, "", f"sagemaker:{action}", job.replace("prep-", "theirs-"))
    yield Call(name, "", "sagemaker:CreateProcessingJob", PLACE.arn("sagemaker", "processing-job/prep-short-1"))
    yield Call(name, "", "sagemaker:CreateTrainingJob", PLACE.arn("sagemaker", f"training-job/prep-{RUN}-1"))
    yield Call(name, "ListTags", "sagemaker:ListTags", job)
    passed = "iam:PassedToService"
    yield Call(name, "PassExecutionRole", "iam:PassRole", ROLE, {passed: "sagemaker.amazonaws.com"})
    yield Call(name, "", "iam:PassRole", ROLE, {passed: "lambda.amazonaws.com"})
    yield Call(name, "", "iam:PassRole", ROLE)
    yield Call(name, "", "iam:PassRole", f"{ROLE}-admin", {passed: "sagemaker.amazonaws.com"})
    rule = PLACE.arn("events", "rule/StepFunctionsGetEventsForSageMakerProcessingJobsRule")
    yield Call(name, "HearJobsEnd", "events:PutRule", rule)
    yield Call(name, "", "events:PutRule", PLACE.arn("events", "rule/theirs"))
    yield Call(name, "WriteManifests", "s3:PutObject", "arn:aws:s3:::work/manifests/prep/1.manifest")
    yield Call(name, "", "s3:PutObject", "arn:aws:s3:::work/manifests/theirs/1.manifest")
    yield Call(name, "", "s3:GetObject", "arn:aws:s3:::work/manifests/prep/1.manifest")
    yield Call(name, "EncryptManifests", "kms:GenerateDataKey", key("platform"), _through("s3"))
    leading = "dynamodb:LeadingKeys"
    yield Call(name, "KeepItems", "dynamodb:UpdateItem", TABLE, {leading: ["Stack/Prep#turn"]})
    yield Call(name, "", "dynamodb:UpdateItem", TABLE, {leading: ["Stack/Theirs#turn"]})
    yield Call(name, "", "dynamodb:GetItem", TABLE, {leading: ["Stack/Prep#turn", "Stack/Theirs#turn"]})
    yield Call(name, "", "dynamodb:Scan", TABLE)
    yield Call(name, "EncryptItems", "kms:Decrypt", key("platform"), _through("dynamodb"))
    yield Call(name, "Announce", "events:PutEvents", PLACE.arn("events", "event-bus/default"))
    yield Call(name, "", "events:PutEvents", PLACE.arn("events", "event-bus/theirs"))
    yield Call(name, "DescribeRuns", "states:DescribeExecution", PLACE.arn("states", "execution:prep:1"))
    yield Call(name, "", "states:DescribeExecution", PLACE.arn("states", "execution:theirs:1"))
    yield Call(name, "", "states:StartExecution", MACHINE)
    yield Call(name, "DeliverLogs", "logs:CreateLogDelivery")
    yield Call(name, "", "logs:DeleteLogGroup", GROUP)
    yield from _dead_letters(name)


def _dead_letters(name):
    yield Call(name, "SendDeadLetters", "sqs:SendMessage", QUEUE)
    yield Call(name, "", "sqs:SendMessage", PLACE.arn("sqs", "theirs"))
    yield Call(name, "", "sqs:ReceiveMessage", QUEUE)
    yield Call(name, "EncryptDeadLetters", "kms:GenerateDataKey", key("platform"), _through("sqs"))
    yield Call(name, "", "kms:GenerateDataKey", key("platform"), _through("secretsmanager"))
    yield Call(name, "", "kms:GenerateDataKey", key("theirs"), _through("sqs"))


def _start():
    """The role by which EventBridge and Scheduler start the state machine."""
    yield Call("start", "StartRuns", "states:StartExecution", MACHINE)
    yield Call("start", "", "states:StartExecution", PLACE.arn("states", "stateMachine:theirs"))
    yield Call("start", "", "states:StopExecution", PLACE.arn("states", "execution:prep:1"))
    yield from _dead_letters("start")


def _standards():
    """A job that meets the standards, and one for each rule that it breaks."""
    name, create = "standards", "sagemaker:CreateProcessingJob"
    job = PLACE.arn("sagemaker", "processing-job/any")
    good = {
        "sagemaker:InstanceTypes": ["ml.m5.xlarge"],
        "sagemaker:MaxRuntimeInSeconds": "3600",
        "sagemaker:VolumeKmsKeyArn": key("volume"),
        "sagemaker:OutputKmsKeyArn": key("results"),
        "sagemaker:InterContainerTrafficEncryption": "true",
        "sagemaker:NetworkIsolation": "true",
        "sagemaker:VpcSubnets": ["subnet-1"],
        "sagemaker:VpcSecurityGroupIds": ["sg-1"],
        "aws:RequestTag/team": "data",
        "aws:RequestTag/cost-center": "4711",
        "aws:RequestedRegion": REGION,
    }

    def but(sid, *without, **other):
        left = {name: value for name, value in good.items() if name not in without}
        changed = {f"sagemaker:{name}": value for name, value in other.items()}
        return Call(name, sid, create, job, {**left, **changed})

    yield Call(name, "", create, job, good)
    yield but("InstanceTypes", InstanceTypes=["ml.p4d.24xlarge"])
    yield but("InstanceTypes", InstanceTypes=["ml.m5.xlarge", "ml.p4d.24xlarge"])
    yield but("MaxRuntimeInSeconds", MaxRuntimeInSeconds="86401")
    yield but("VolumeEncryption", "sagemaker:VolumeKmsKeyArn")
    yield but("OutputEncryption", "sagemaker:OutputKmsKeyArn")
    yield but("TrafficEncryption", InterContainerTrafficEncryption="false")
    yield but("TrafficEncryption", "sagemaker:InterContainerTrafficEncryption")
    yield but("NetworkIsolation", NetworkIsolation="false")
    yield but("NetworkIsolation", "sagemaker:NetworkIsolation")
    yield but("Vpc", "sagemaker:VpcSubnets", "sagemaker:VpcSecurityGroupIds")
    yield but("Subnets", VpcSubnets=["subnet-1", "subnet-9"])
    yield but("SecurityGroups", VpcSecurityGroupIds=["sg-9"])
    yield replace(but("RequiredTags"), context={**good, "aws:RequestTag/team": "theirs"})
    yield but("RequiredTags", "aws:RequestTag/team")
    yield but("RequiredTags2", "aws:RequestTag/cost-center")
    yield replace(but("Regions"), context={**good, "aws:RequestedRegion": "us-east-1"})
    pull = "ecr:BatchGetImage"
    yield Call("boundary", "", pull, REPOSITORY)
    yield Call("boundary", "ImageRepositories", pull, REPOSITORY.replace("sagemaker-", "theirs-"))
    yield Call("boundary", "KeepBoundary", "iam:DeleteRolePermissionsBoundary", ROLE)
    yield Call("boundary", "Vpc", create, job, but("", "sagemaker:VpcSubnets", "sagemaker:VpcSecurityGroupIds").context)


def _line():
    """The role of a platform's lines, which several jobs share."""
    name, leading = "line", "dynamodb:LeadingKeys"
    yield Call(name, "KeepLines", "dynamodb:UpdateItem", TABLE, {leading: ["#line#platform"]})
    yield Call(name, "KeepLines", "dynamodb:GetItem", TABLE, {leading: ["#line#platform"]})
    yield Call(name, "", "dynamodb:UpdateItem", TABLE, {leading: ["Stack/Prep#turn"]})
    yield Call(name, "", "dynamodb:DeleteItem", TABLE, {leading: ["#line#platform"]})
    yield Call(name, "", "dynamodb:UpdateItem", PLACE.arn("dynamodb", "table/theirs"), {leading: ["#line#platform"]})
    yield Call(name, "EncryptLines", "kms:Decrypt", key("platform"), _through("dynamodb"))
    yield Call(name, "", "kms:Decrypt", key("platform"), _through("s3"))
    yield Call(name, "DescribeRuns", "states:DescribeExecution", PLACE.arn("states", "execution:prep:1"))
    yield Call(name, "", "states:StopExecution", PLACE.arn("states", "execution:prep:1"))
    yield Call(name, "", "states:StartExecution", MACHINE)


CALLS = [*_execution(), *_of_aliases(), *_of_a_list(), *_workflow(), *_start(), *_line(), *_standards()]
