"""A feature group as an output. The script puts the records there itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cdk_processing.errors import Problem
from cdk_processing.request.runtime import has_run_time_value
from cdk_processing.request.tokens import is_token
from cdk_processing.request.types import Json

__all__ = ["FeatureStoreOutput"]

_NAME = re.compile(r"[a-zA-Z0-9]([_-]*[a-zA-Z0-9]){0,63}")


@dataclass(frozen=True, slots=True)
class FeatureStoreOutput:
    """A feature group that the job's script puts records into.

    SageMaker moves nothing: the script calls ``PutRecord``, so the job needs the network, and the output needs
    ``app_managed=True``. The execution role may put records into this group and describe it. If a key of yours
    encrypts the group's online store, grant that key to ``job.execution_role`` too.

    Args:
        feature_group_name: 1-64 letters, digits, and inner hyphens and underscores.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingFeatureStoreOutput.html

    Example:
        >>> from cdk_processing import ProcessingOutput
        >>> output = ProcessingOutput(
        ...     output_name="features", app_managed=True, feature_store_output=FeatureStoreOutput("customers")
        ... )
        >>> output.problems()
        []
    """

    feature_group_name: str | None = None

    def problems(self) -> list[Problem]:
        """What is wrong with it."""
        name, fix = self.feature_group_name, "set feature_group_name on FeatureStoreOutput"
        if has_run_time_value(name):
            return [Problem("feature_group_name", name, "known at synth: the role gets permissions on it", fix)]
        # The length is checked too, because the pattern allows any number of inner hyphens.
        if isinstance(name, str) and (is_token(name) or (_NAME.fullmatch(name) and len(name) <= 64)):
            return []
        allowed = "1-64 letters, digits, and inner hyphens and underscores"
        return [Problem("feature_group_name", name, allowed, fix)]

    def render(self) -> Json:
        """A ProcessingFeatureStoreOutput of the API."""
        return {"FeatureGroupName": self.feature_group_name}
