from dataclasses import replace

import pytest

from cdk_processing.access.execution import BucketAccess, ExecutionAccess, execution_statements, read_statements
from cdk_processing.access.statement import Place

PLACE = Place("aws", "us-east-1", "111122223333")
RAW = "arn:aws:s3:::raw"
CURATED = "arn:aws:s3:::curated"
KEY = "arn:aws:kms:us-east-1:111122223333:key/k"
VOLUME_KEY = "arn:aws:kms:us-east-1:111122223333:key/v"
OUTPUT_KEY = "arn:aws:kms:us-east-1:111122223333:key/o"
REPOSITORY = "arn:aws:ecr:us-east-1:683313688378:repository/sagemaker-scikit-learn"
GROUP = "arn:aws:logs:us-east-1:111122223333:log-group:/aws/sagemaker/ProcessingJobs"

INTERFACES = "arn:aws:ec2:us-east-1:111122223333:network-interface/*"
SUBNETS = ["arn:aws:ec2:us-east-1:*:subnet/subnet-1", "arn:aws:ec2:us-east-1:*:subnet/subnet-2"]
THROUGH_S3 = {"StringLike": {"kms:ViaService": "s3.us-east-1.*"}}

LEAST = ExecutionAccess(PLACE, "census-preprocess")

LOG_ACTIONS = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
WRITE_LOGS = {
    "Sid": "WriteLogs",
    "Effect": "Allow",
    "Action": LOG_ACTIONS,
    "Resource": f"{GROUP}:log-stream:census-preprocess-{'?' * 32}-*/algo-*",
}
MAKE_LOGS = {
    "Sid": "MakeLogs",
    "Effect": "Allow",
    "Action": LOG_ACTIONS,
    "Resource": [GROUP, f"{GROUP}:log-stream:"],
}
WRITE_METRICS = {
    "Sid": "WriteMetrics",
    "Effect": "Allow",
    "Action": "cloudwatch:PutMetricData",
    "Resource": "*",
    "Condition": {"StringEquals": {"cloudwatch:namespace": "/aws/sagemaker/ProcessingJobs"}},
}


def policy(**change):
    return [statement.render() for statement in execution_statements(replace(LEAST, **change))]


def added(**change):
    """What a job may do beyond what every job may."""
    return [statement for statement in policy(**change) if statement not in policy()]


def test_a_job_that_needs_nothing_may_only_write_its_logs_and_metrics():
    assert policy() == [WRITE_LOGS, MAKE_LOGS, WRITE_METRICS]


def test_a_job_with_everything_has_this_policy():
    assert policy(
        reads=(BucketAccess(RAW, "in/", key_arn=KEY), BucketAccess(RAW, "code/prep.py", exact=True)),
        writes=(BucketAccess(CURATED, "out/"),),
        repository_arn=REPOSITORY,
        volume_key=VOLUME_KEY,
        output_key=OUTPUT_KEY,
        subnets=("subnet-1", "subnet-2"),
        security_groups=("sg-1",),
    ) == [
        {
            "Sid": "ReadInputs",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": [f"{RAW}/in/*", f"{RAW}/code/prep.py"],
        },
        {
            "Sid": "ListInputs",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": RAW,
            "Condition": {"StringLike": {"s3:prefix": ["in/*", "code/prep.py"]}},
        },
        {
            "Sid": "WriteOutputs",
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:AbortMultipartUpload"],
            "Resource": f"{CURATED}/out/*",
        },
        {
            "Sid": "PullImage",
            "Effect": "Allow",
            "Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            "Resource": REPOSITORY,
        },
        {"Sid": "LogInToRegistry", "Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
        WRITE_LOGS,
        MAKE_LOGS,
        WRITE_METRICS,
        {"Sid": "DecryptInputs", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY, "Condition": THROUGH_S3},
        {
            "Sid": "EncryptOutputs",
            "Effect": "Allow",
            "Action": ["kms:Encrypt", "kms:GenerateDataKey"],
            "Resource": OUTPUT_KEY,
        },
        {
            "Sid": "DecryptOutputParts",
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": OUTPUT_KEY,
            "Condition": THROUGH_S3,
        },
        {
            "Sid": "EncryptVolumes",
            "Effect": "Allow",
            "Action": "kms:CreateGrant",
            "Resource": VOLUME_KEY,
            "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
        },
        {"Sid": "DescribeVolumeKey", "Effect": "Allow", "Action": "kms:DescribeKey", "Resource": VOLUME_KEY},
        {
            "Sid": "MakeNetworkInterfaces",
            "Effect": "Allow",
            "Action": "ec2:CreateNetworkInterface",
            "Resource": [*SUBNETS, "arn:aws:ec2:us-east-1:*:security-group/sg-1", INTERFACES],
        },
        {
            "Sid": "UseNetworkInterfaces",
            "Effect": "Allow",
            "Action": ["ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface"],
            "Resource": INTERFACES,
            "Condition": {"ArnLike": {"ec2:Subnet": SUBNETS}},
        },
        {
            "Sid": "LookAtVpc",
            "Effect": "Allow",
            "Action": [
                "ec2:DeleteNetworkInterfacePermission",
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            "Resource": "*",
            "Condition": {"StringEquals": {"ec2:Region": "us-east-1"}},
        },
    ]


def test_reading_is_allowed_on_the_prefix_alone():
    assert added(reads=(BucketAccess(RAW, "in/"),)) == [
        {"Sid": "ReadInputs", "Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{RAW}/in/*"},
        {
            "Sid": "ListInputs",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": RAW,
            "Condition": {"StringLike": {"s3:prefix": "in/*"}},
        },
    ]


def test_an_exact_key_is_read_without_a_wildcard():
    statements = read_statements(PLACE, (BucketAccess(RAW, "code/prep.py", exact=True),))

    assert [(statement.resources, statement.wildcard_reason) for statement in statements] == [
        ([f"{RAW}/code/prep.py"], ""),
        ([RAW], ""),
    ]


def test_each_bucket_is_listed_with_its_own_prefixes():
    statements = added(reads=(BucketAccess(RAW, "a/"), BucketAccess(CURATED, "b/"), BucketAccess(RAW, "c/")))

    assert statements[1:] == [
        {
            "Sid": "ListInputs",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": RAW,
            "Condition": {"StringLike": {"s3:prefix": ["a/*", "c/*"]}},
        },
        {
            "Sid": "ListInputs2",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": CURATED,
            "Condition": {"StringLike": {"s3:prefix": "b/*"}},
        },
    ]


def test_a_place_read_twice_is_named_once():
    assert added(reads=(BucketAccess(RAW, "in/"),) * 2) == added(reads=(BucketAccess(RAW, "in/"),))


def test_wildcard_characters_in_keys_are_no_wildcards():
    statements = added(
        reads=(BucketAccess(RAW, "a*b?c$/"), BucketAccess(RAW, "x*.csv", exact=True)),
        writes=(BucketAccess(CURATED, "*/"),),
    )

    assert [statement["Resource"] for statement in statements] == [
        [f"{RAW}/a${{*}}b${{?}}c${{$}}/*", f"{RAW}/x${{*}}.csv"],
        RAW,
        f"{CURATED}/${{*}}/*",
    ]
    assert statements[1]["Condition"] == {"StringLike": {"s3:prefix": ["a${*}b${?}c${$}/*", "x${*}.csv"]}}


def test_writing_is_allowed_on_the_prefix_alone():
    assert added(writes=(BucketAccess(CURATED, "out/"),)) == [
        {
            "Sid": "WriteOutputs",
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:AbortMultipartUpload"],
            "Resource": f"{CURATED}/out/*",
        }
    ]


def test_an_image_in_ecr_is_pulled_from_its_repository_alone():
    assert added(repository_arn=REPOSITORY) == [
        {
            "Sid": "PullImage",
            "Effect": "Allow",
            "Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            "Resource": REPOSITORY,
        },
        {"Sid": "LogInToRegistry", "Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
    ]


def test_the_key_of_a_bucket_read_from_may_only_decrypt():
    extra = added(reads=(BucketAccess(RAW, "in/", key_arn=KEY),))[2:]

    assert extra == [
        {"Sid": "DecryptInputs", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY, "Condition": THROUGH_S3}
    ]


def test_the_keys_of_outputs_are_the_buckets_and_the_one_given_each_once():
    extra = added(
        writes=(BucketAccess(CURATED, "a/", key_arn=KEY), BucketAccess(CURATED, "b/", key_arn=KEY)),
        output_key=OUTPUT_KEY,
    )[1:]

    assert extra == [
        {
            "Sid": "EncryptOutputs",
            "Effect": "Allow",
            "Action": ["kms:Encrypt", "kms:GenerateDataKey"],
            "Resource": [KEY, OUTPUT_KEY],
        },
        {
            "Sid": "DecryptOutputParts",
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": [KEY, OUTPUT_KEY],
            "Condition": THROUGH_S3,
        },
    ]


def test_the_volume_key_may_be_granted_only_for_aws_resources():
    assert added(volume_key=VOLUME_KEY) == [
        {
            "Sid": "EncryptVolumes",
            "Effect": "Allow",
            "Action": "kms:CreateGrant",
            "Resource": VOLUME_KEY,
            "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
        },
        {"Sid": "DescribeVolumeKey", "Effect": "Allow", "Action": "kms:DescribeKey", "Resource": VOLUME_KEY},
    ]


KEYS = "arn:aws:kms:us-east-1:111122223333:key/*"


@pytest.mark.parametrize(
    ("given", "resource", "alias"),
    [
        ("k", "arn:aws:kms:us-east-1:111122223333:key/k", None),
        ("alias/data", KEYS, "alias/data"),
        ("arn:aws:kms:us-east-1:111122223333:alias/data", KEYS, "alias/data"),
        ("arn:aws:kms:eu-west-1:999988887777:alias/a/b", "arn:aws:kms:eu-west-1:999988887777:key/*", "alias/a/b"),
        ("arn:${Token[P.1]}:kms:${Token[R.2]}:1:alias/x", "arn:${Token[P.1]}:kms:${Token[R.2]}:1:key/*", "alias/x"),
        ("${Token[Key.Arn.3]}", "${Token[Key.Arn.3]}", None),
    ],
)
def test_a_key_is_granted_by_its_arn_its_id_or_its_alias(given, resource, alias):
    found = added(volume_key=given, output_key=given, reads=(BucketAccess(RAW, "in/", key_arn=given),))
    keys = [statement for statement in found if "kms:" in str(statement["Action"])]

    assert [statement["Resource"] for statement in keys] == [resource] * 5
    assert {statement["Sid"].endswith("ByAlias") for statement in keys} == {alias is not None}
    for statement in keys:
        named = statement.get("Condition", {}).get("ForAnyValue:StringEquals")
        assert named == (None if alias is None else {"kms:ResourceAliases": [alias]})
    assert {statement["Sid"].removesuffix("ByAlias") for statement in keys if "kms:ViaService" in str(statement)} == {
        "DecryptInputs",
        "DecryptOutputParts",
    }


def test_keys_with_and_without_alias_are_granted_apart():
    found = added(writes=(BucketAccess(CURATED, "out/", key_arn="alias/a"),), output_key=KEY)

    assert [(statement["Sid"], statement["Resource"]) for statement in found[1:]] == [
        ("EncryptOutputs", KEY),
        ("EncryptOutputsByAlias", KEYS),
        ("DecryptOutputParts", KEY),
        ("DecryptOutputPartsByAlias", KEYS),
    ]


def test_only_a_job_in_a_vpc_may_attach_to_one():
    found = added(subnets=("subnet-1",), security_groups=("sg-1",))

    assert [statement["Sid"] for statement in found] == ["MakeNetworkInterfaces", "UseNetworkInterfaces", "LookAtVpc"]


def test_every_statement_of_the_fullest_policy_has_a_sid_of_its_own():
    sids = [
        statement["Sid"]
        for statement in policy(
            reads=tuple(BucketAccess(f"{RAW}{n}", "in/", key_arn=KEY) for n in range(3)),
            writes=(BucketAccess(CURATED, "out/", key_arn=KEY),),
            repository_arn=REPOSITORY,
            volume_key="alias/v",
            output_key=OUTPUT_KEY,
            subnets=("subnet-1",),
            security_groups=("sg-1",),
        )
    ]

    assert len(sids) == len(set(sids))
