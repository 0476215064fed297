"""Names of jobs, made from construct paths."""

from __future__ import annotations

import re

from cdk_processing.request.limits import BASE_NAME_LENGTH

__all__ = ["base_name_for"]


def base_name_for(path: str) -> str:
    """What names of a job's runs begin with: the construct's path, or as much of its end as fits in 24 characters.

    Lower case, because SageMaker writes names in lower case into its ARNs, and IAM compares those.

    Example:
        >>> base_name_for("Census/Preprocess")
        'census-preprocess'
        >>> base_name_for("ProductionEurope/Census/PreprocessEverything")
        'preprocess-everything'
    """
    parts = [_kebab(part) for part in path.split("/")]
    for first in range(len(parts)):
        name = "-".join(part for part in parts[first:] if part)
        if 0 < len(name) <= BASE_NAME_LENGTH:
            return name
    return parts[-1][:BASE_NAME_LENGTH].strip("-") or "job"


def _kebab(text: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", text)
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
