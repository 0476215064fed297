"""The tags that the app gives a job (``Tags.of(...)``, ``Stack(tags=...)``), for each of its processing jobs.

SageMaker copies no tag from a state machine, so the request names them. They are known when aspects have run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cdk_processing.contract.texts import TAG_KEY, TAG_VALUE, Rule
from cdk_processing.request.tokens import is_token

__all__ = ["run_tags", "tag_problems"]

#: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html
_MOST = 50
#: Whose keys are this library's.
_OWN = "cdk-processing:"


def run_tags(given: Mapping[str, str], declared: Iterable[str]) -> list[dict[str, str]]:
    """The tags that the request adds to its own, in the API's words.

    Args:
        given: What the app gives the state machine and its stack.
        declared: Keys that the request has itself: those hold.
    """
    own = set(declared)
    return [
        {"Key": key, "Value": value}
        for key, value in sorted(given.items())
        if key not in own and not key.startswith(_OWN)
    ]


def tag_problems(path: str, given: Mapping[str, str], declared: Iterable[str], own: Mapping[str, str]) -> list[str]:
    """What is wrong with the tags that the app gives a job.

    Args:
        path: The job's path.
        given: What the app gives the state machine and its stack.
        declared: Keys that the request has itself.
        own: What this library gives the state machine.
    """
    found = [
        f"tag {key!r} of {path} must be left to this library, got {given.get(key)!r}; drop it from Tags.of(...)"
        for key in sorted({*own, *(key for key in given if key.startswith(_OWN))})
        if given.get(key) != own.get(key)
    ]
    added = run_tags(given, declared)
    for tag in added:
        for what, text, rule in (("key", tag["Key"], TAG_KEY), ("value", tag["Value"], TAG_VALUE)):
            found += _text_problems(f"the {what} of tag {tag['Key']!r} of {path}", text, rule)
    count = len(set(declared)) + len(added)
    if count > _MOST:
        found.append(
            f"the processing jobs of {path} must have at most {_MOST} tags, got {count}; give the job fewer: "
            "Tags.of(app).add(..., exclude_resource_types=['AWS::StepFunctions::StateMachine'])"
        )
    return found


def _text_problems(what: str, text: str, rule: Rule) -> list[str]:
    if is_token(text) or (rule.fits(text) and not text.lower().startswith("aws:")):
        return []
    allowed = f"at most {rule.longest} {rule.described}, not beginning with aws:"
    return [f"{what} must be {allowed}, got {text!r}; correct it where Tags.of(...) gives it"]
