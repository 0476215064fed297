"""The repository that an ECR call refers to, for IAM checks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["of_listed_repository"]


def of_listed_repository(extract: Callable[..., str]) -> Callable[..., str]:
    """The repository of ``DescribeRepositories``, which names it in a list.

    A call that names several repositories counts as a call for all, so it needs permission on every repository.
    """

    def extract_resource_arn(
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query_params: Mapping[str, Any],
        region: str,
        account_id: str,
    ) -> str:
        if service == "ecr":
            try:
                listed = json.loads(body or b"{}").get("repositoryNames") or []
            except (ValueError, AttributeError):
                listed = []
            if len(listed) == 1:
                return f"arn:aws:ecr:{region}:{account_id}:repository/{listed[0]}"
        return extract(service, method, path, headers, body, query_params, region, account_id)

    return extract_resource_arn
