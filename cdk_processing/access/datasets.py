"""Permissions of the execution role for data outside S3: queries, feature groups, CodeArtifact.

Sources: the managed policy AmazonSageMakerFullAccess, as far as it covers datasets of processing jobs
(https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonSageMakerFullAccess.html), narrowed to what the
job declares; https://docs.aws.amazon.com/athena/latest/ug/access.html;
https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-iam.html;
https://docs.aws.amazon.com/codeartifact/latest/ug/security_iam_id-based-policy-examples.html.

Not verified against an account: AWS does not document the calls that SageMaker makes for a dataset. Public logs
(https://github.com/aws/sagemaker-python-sdk/issues/5176) show that it creates the database ``sagemaker_processing``.
The managed policy shows that its tables begin with ``sagemaker_tmp_``. That these tables are in that database is our
conclusion. The managed policy does not pass a role to Redshift, so neither do we: the cluster already has its role.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cdk_processing.access.statement import Place, Statement

__all__ = ["AthenaAccess", "RedshiftAccess", "dataset_statements", "feature_statements", "package_statements"]

_GLUE_CATALOG = "awsdatacatalog"
_SCRATCH = "sagemaker_processing"
_ACCOUNT_WIDE = "{} work on no resource, so IAM takes no narrower one than *."
_REPOSITORY = re.compile(r"(?P<place>arn:[^:]+:codeartifact:[^:]+:[^:]+):repository/(?P<domain>[^/]+)/.+")


@dataclass(frozen=True, slots=True)
class AthenaAccess:
    """A query that Athena runs.

    Attributes:
        catalog: The data catalog.
        database: The database in it.
        work_group: The workgroup.
        bucket_arn: The bucket for the result.
        objects: The objects of the result, as a policy's resource.
    """

    catalog: str
    database: str
    work_group: str
    bucket_arn: str
    objects: str


@dataclass(frozen=True, slots=True)
class RedshiftAccess:
    """A query that a Redshift cluster runs: the cluster's identifier, the database and the database user."""

    cluster_id: str
    database: str
    db_user: str


def dataset_statements(
    place: Place, athena: Sequence[AthenaAccess], redshift: Sequence[RedshiftAccess]
) -> list[Statement]:
    """The statements to run queries. They do not include reading and writing the results in S3."""
    return [*_run_athena(place, athena), *_read_catalog(place, athena), *_run_redshift(place, redshift)]


def feature_statements(place: Place, groups: Sequence[str]) -> Iterator[Statement]:
    """The statement to put records into feature groups.

    Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
    """
    if groups:
        # SageMaker uses lower-case names in ARNs. It is not documented whether it does so here, so allow both.
        names = _unique(name for group in groups for name in (group, group if "${Token[" in group else group.lower()))
        yield Statement(
            "PutFeatures",
            ["sagemaker:DescribeFeatureGroup", "sagemaker:PutRecord"],
            [place.arn("sagemaker", f"feature-group/{name}") for name in names],
        )


def package_statements(repository_arn: str | None) -> Iterator[Statement]:
    """The statements to install packages from a CodeArtifact repository."""
    if repository_arn is None:
        return
    match = _REPOSITORY.fullmatch(repository_arn)
    assert match is not None  # already checked when the program was created
    domain = f"{match['place']}:domain/{match['domain']}"
    yield Statement("LogInToCodeArtifact", ["codeartifact:GetAuthorizationToken"], [domain])
    actions = ["codeartifact:GetRepositoryEndpoint", "codeartifact:ReadFromRepository"]
    yield Statement("ReadPackages", actions, [repository_arn])
    action = "sts:GetServiceBearerToken"
    yield Statement(
        "GetPackageToken",
        [action],
        ["*"],
        {"StringEquals": {"sts:AWSServiceName": "codeartifact.amazonaws.com"}},
        wildcard_reason=_ACCOUNT_WIDE.format(action) + " The condition names the one service.",
    )


def _run_athena(place: Place, queries: Sequence[AthenaAccess]) -> Iterator[Statement]:
    if not queries:
        return
    yield Statement(
        "RunAthenaQueries",
        [
            "athena:GetQueryExecution",
            "athena:GetQueryResults",
            "athena:GetWorkGroup",
            "athena:StartQueryExecution",
            "athena:StopQueryExecution",
        ],
        _unique(place.arn("athena", f"workgroup/{query.work_group}") for query in queries),
    )
    catalogs = _unique(query.catalog for query in queries if query.catalog.lower() != _GLUE_CATALOG)
    if catalogs:
        resources = [place.arn("athena", f"datacatalog/{name}") for name in catalogs]
        yield Statement("ReadAthenaCatalogs", ["athena:GetDataCatalog"], resources)
    # Athena needs these besides reading and writing: https://docs.aws.amazon.com/athena/latest/ug/s3-permissions.html
    yield Statement(
        "FindAthenaResults",
        ["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
        _unique(query.bucket_arn for query in queries),
    )
    yield Statement(
        "ListAthenaUploads",
        ["s3:ListMultipartUploadParts"],
        _unique(query.objects for query in queries),
        wildcard_reason="A query's result is a prefix; the pattern covers the keys below it and no others.",
    )


def _read_catalog(place: Place, queries: Sequence[AthenaAccess]) -> Iterator[Statement]:
    databases = _unique(query.database for query in queries if query.catalog.lower() == _GLUE_CATALOG)
    if not databases:
        return
    catalog = place.arn("glue", "catalog")
    named = [place.arn("glue", f"database/{name}") for name in databases]
    tables = [place.arn("glue", f"table/{name}/*") for name in databases]
    yield Statement(
        "ReadCatalog",
        [
            "glue:BatchGetPartition",
            "glue:GetDatabase",
            "glue:GetPartition",
            "glue:GetPartitions",
            "glue:GetTable",
            "glue:GetTables",
        ],
        [catalog, *named, *tables],
        wildcard_reason="Which tables a query names is in its SQL; the pattern covers the database that it runs in.",
    )
    # Athena reads the database "default" with every query:
    # https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html
    scratch = place.arn("glue", f"database/{_SCRATCH}")
    default = place.arn("glue", "database/default")
    yield Statement("MakeScratchDatabase", ["glue:CreateDatabase", "glue:GetDatabase"], [catalog, default, scratch])
    yield Statement(
        "UseScratchTables",
        ["glue:CreateTable", "glue:DeleteTable", "glue:GetTable"],
        [catalog, scratch, place.arn("glue", f"table/{_SCRATCH}/sagemaker_tmp_*")],
        wildcard_reason="SageMaker names a table of its own for each result; the pattern covers those alone.",
    )


def _run_redshift(place: Place, queries: Sequence[RedshiftAccess]) -> Iterator[Statement]:
    if not queries:
        return
    users = _unique(place.arn("redshift", f"dbuser:{query.cluster_id}/{query.db_user}") for query in queries)
    databases = _unique(place.arn("redshift", f"dbname:{query.cluster_id}/{query.database}") for query in queries)
    yield Statement("SignInToRedshift", ["redshift:GetClusterCredentials"], [*users, *databases])
    clusters = _unique(place.arn("redshift", f"cluster:{query.cluster_id}") for query in queries)
    yield Statement("RunRedshiftQueries", ["redshift-data:ExecuteStatement"], clusters)
    actions = ["redshift-data:CancelStatement", "redshift-data:DescribeStatement", "redshift-data:GetStatementResult"]
    yield Statement(
        "FollowRedshiftQueries",
        actions,
        ["*"],
        {"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}},
        wildcard_reason=_ACCOUNT_WIDE.format("Calls on a statement")
        + " The condition admits this role's own statements only.",
    )


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
