from dataclasses import replace

from cdk_processing.access.datasets import AthenaAccess, RedshiftAccess
from cdk_processing.access.execution import ExecutionAccess, execution_statements
from cdk_processing.access.statement import Place

PLACE = Place("aws", "us-east-1", "111122223333")
HERE = "us-east-1:111122223333"
RESULTS = "arn:aws:s3:::curated"
LEAST = ExecutionAccess(PLACE, "census-preprocess")
ATHENA = AthenaAccess("AwsDataCatalog", "sales", "primary", RESULTS, f"{RESULTS}/athena/*")
REDSHIFT = RedshiftAccess("warehouse", "sales", "reader")


def added(**change):
    """What a job may do beyond what every job may."""

    def policy(access):
        return [statement.render() for statement in execution_statements(access)]

    return [statement for statement in policy(replace(LEAST, **change)) if statement not in policy(LEAST)]


def allow(sid, action, resource, **rest):
    return {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource, **rest}


RUN_QUERIES = [
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:GetWorkGroup",
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
]
ATHENA_POLICY = [
    allow("RunAthenaQueries", RUN_QUERIES, f"arn:aws:athena:{HERE}:workgroup/primary"),
    allow("FindAthenaResults", ["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"], RESULTS),
    allow("ListAthenaUploads", "s3:ListMultipartUploadParts", f"{RESULTS}/athena/*"),
    allow(
        "ReadCatalog",
        [
            "glue:BatchGetPartition",
            "glue:GetDatabase",
            "glue:GetPartition",
            "glue:GetPartitions",
            "glue:GetTable",
            "glue:GetTables",
        ],
        [
            f"arn:aws:glue:{HERE}:catalog",
            f"arn:aws:glue:{HERE}:database/sales",
            f"arn:aws:glue:{HERE}:table/sales/*",
        ],
    ),
    allow(
        "MakeScratchDatabase",
        ["glue:CreateDatabase", "glue:GetDatabase"],
        [
            f"arn:aws:glue:{HERE}:catalog",
            f"arn:aws:glue:{HERE}:database/default",
            f"arn:aws:glue:{HERE}:database/sagemaker_processing",
        ],
    ),
    allow(
        "UseScratchTables",
        ["glue:CreateTable", "glue:DeleteTable", "glue:GetTable"],
        [
            f"arn:aws:glue:{HERE}:catalog",
            f"arn:aws:glue:{HERE}:database/sagemaker_processing",
            f"arn:aws:glue:{HERE}:table/sagemaker_processing/sagemaker_tmp_*",
        ],
    ),
]


def test_a_query_of_athena_adds_just_this():
    assert added(athena=(ATHENA,)) == ATHENA_POLICY


def test_queries_of_the_same_kind_share_their_statements():
    other = replace(ATHENA, work_group="team", objects=f"{RESULTS}/other/*")
    both = added(athena=(ATHENA, other, other))

    assert [statement["Sid"] for statement in both] == [statement["Sid"] for statement in ATHENA_POLICY]
    assert both[0]["Resource"] == [f"arn:aws:athena:{HERE}:workgroup/{name}" for name in ("primary", "team")]
    assert both[1:2] + both[3:] == ATHENA_POLICY[1:2] + ATHENA_POLICY[3:]


def test_another_catalog_is_read_through_athena_and_not_through_glue():
    statements = added(athena=(replace(ATHENA, catalog="lambda_catalog"),))

    assert [statement["Sid"] for statement in statements] == [
        "RunAthenaQueries",
        "ReadAthenaCatalogs",
        "FindAthenaResults",
        "ListAthenaUploads",
    ]
    assert statements[1] == allow(
        "ReadAthenaCatalogs", "athena:GetDataCatalog", f"arn:aws:athena:{HERE}:datacatalog/lambda_catalog"
    )


def test_a_query_of_redshift_adds_just_this():
    assert added(redshift=(REDSHIFT, REDSHIFT)) == [
        allow(
            "SignInToRedshift",
            "redshift:GetClusterCredentials",
            [
                f"arn:aws:redshift:{HERE}:dbuser:warehouse/reader",
                f"arn:aws:redshift:{HERE}:dbname:warehouse/sales",
            ],
        ),
        allow("RunRedshiftQueries", "redshift-data:ExecuteStatement", f"arn:aws:redshift:{HERE}:cluster:warehouse"),
        allow(
            "FollowRedshiftQueries",
            ["redshift-data:CancelStatement", "redshift-data:DescribeStatement", "redshift-data:GetStatementResult"],
            "*",
            Condition={"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}},
        ),
    ]


def test_a_feature_group_is_named_as_it_is_and_as_arns_write_it():
    actions = ["sagemaker:DescribeFeatureGroup", "sagemaker:PutRecord"]
    group = f"arn:aws:sagemaker:{HERE}:feature-group"

    assert added(feature_groups=("customers",)) == [allow("PutFeatures", actions, f"{group}/customers")]
    assert added(feature_groups=("Orders", "${Token[TOKEN.7]}")) == [
        allow("PutFeatures", actions, [f"{group}/Orders", f"{group}/orders", f"{group}/${{Token[TOKEN.7]}}"])
    ]


def test_packages_are_read_from_the_one_repository():
    arn = "arn:aws:codeartifact:eu-west-1:444455556666:repository/company/python"

    assert added(packages=arn) == [
        allow(
            "LogInToCodeArtifact",
            "codeartifact:GetAuthorizationToken",
            "arn:aws:codeartifact:eu-west-1:444455556666:domain/company",
        ),
        allow("ReadPackages", ["codeartifact:GetRepositoryEndpoint", "codeartifact:ReadFromRepository"], arn),
        allow(
            "GetPackageToken",
            "sts:GetServiceBearerToken",
            "*",
            Condition={"StringEquals": {"sts:AWSServiceName": "codeartifact.amazonaws.com"}},
        ),
    ]
