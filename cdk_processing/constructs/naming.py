"""Base names of jobs: made from construct paths, and held by one job alone in each account and region; like platforms'.

A role reaches what is named after its job. Two jobs with one base name would reach each other's processing jobs, log
streams and manifests.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from aws_cdk import Annotations
from constructs import Construct, IConstruct

from cdk_processing.access.statement import Place
from cdk_processing.constructs.resources import path_of, place_of, stack_of, tree_of
from cdk_processing.contract.identity import JOB_ID, continued_executions
from cdk_processing.errors import Problem
from cdk_processing.request.limits import BASE_NAME_LENGTH
from cdk_processing.request.tokens import is_token

__all__ = ["base_name_for", "claim_base_name", "claim_job_id", "claim_platform_name", "job_id_problems"]

_DIGEST_LENGTH = 6


def base_name_for(path: str) -> str:
    """What names of a job's runs begin with: its path or id, or the end of it and a digest where it is too long.

    The digest keeps jobs apart whose paths end alike. Lower case, because SageMaker writes names in lower case into its
    ARNs, and IAM compares those.

    Example:
        >>> base_name_for("Census/Preprocess")
        'census-preprocess'
        >>> base_name_for("ProductionEurope/Census/Preprocess")
        'census-preprocess-cd69ee'
    """
    parts = [_kebab(part) for part in path.split("/")]
    whole = "-".join(part for part in parts if part)
    if 0 < len(whole) <= BASE_NAME_LENGTH:
        return whole
    room = BASE_NAME_LENGTH - _DIGEST_LENGTH - 1
    digest = hashlib.md5(path.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()[:_DIGEST_LENGTH]
    return f"{_end_of(parts, room) or 'job'}-{digest}"


def _end_of(parts: list[str], room: int) -> str:
    for first in range(len(parts)):
        name = "-".join(part for part in parts[first:] if part)
        if 0 < len(name) <= room:
            return name
    words = parts[-1].split("-")
    fitting = [end for end in range(1, len(words) + 1) if len("-".join(words[:end])) <= room]
    return "-".join(words[: fitting[-1]]) if fitting else parts[-1][:room].strip("-")


def _kebab(text: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", text)
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


@dataclass(frozen=True, slots=True)
class _Claim:
    """A base name that a job has, or the name of a platform.

    Attributes:
        path: The path of the job or platform.
        place: The account and region of its stack; CDK tokens where the stack does not say.
        stage: The path of its stage.
    """

    path: str
    place: Place
    stage: str

    def is_beside(self, other: _Claim) -> bool:
        """Whether both jobs come to be in one account and region."""
        same = (self.place.account, self.place.region) == (other.place.account, other.place.region)
        # Two stages that say nothing are usually deployed to two places.
        return same and (self.is_placed or self.stage == other.stage)

    def may_be_beside(self, other: _Claim) -> bool:
        """Whether both jobs may come to be in one account and region, as far as their stacks say."""
        pairs = ((self.place.account, other.place.account), (self.place.region, other.place.region))
        return all(mine == theirs or is_token(mine) or is_token(theirs) for mine, theirs in pairs)

    @property
    def is_placed(self) -> bool:
        return not (is_token(self.place.account) or is_token(self.place.region))


_claims: WeakKeyDictionary[IConstruct, dict[str, list[_Claim]]] = WeakKeyDictionary()


def claim_base_name(job: Construct, base_name: str) -> list[Problem]:
    """Let a job have a base name; returns what is wrong where another job of the app has it.

    Jobs in different accounts or regions may share one. Where the stacks do not say where they will be, two jobs of one
    stage may not; two jobs of different stages get a warning.
    """
    stack = stack_of(job)
    root, stage_path = tree_of(stack)
    claim = _Claim(path_of(job), place_of(stack), stage_path)
    claims = _claims.setdefault(root, {}).setdefault(base_name, [])
    # The tree has one construct at a path: a job that was removed from it has no name any more.
    others = [other for other in claims if other.path != claim.path]
    for other in others:
        if claim.is_beside(other):
            allowed = f"one that no other job in the same account and region has; {other.path} has it"
            fix = "give one of the two jobs another base_job_name, or none, so that its path makes one"
            return [Problem("base_job_name", base_name, allowed, fix)]
    for other in others:
        if claim.may_be_beside(other):
            _warn(job, base_name, other)
            break
    claims.append(claim)
    return []


def claim_job_id(job: Construct, job_id: str) -> list[Problem]:
    """Let a job have an id; returns what is wrong where another job of its account and region has it.

    Their runs would have the same ids, so one would take the other's runs for its own.
    """
    stack = stack_of(job)
    root, stage_path = tree_of(stack)
    claim = _Claim(path_of(job), place_of(stack), stage_path)
    claims = _claims.setdefault(root, {}).setdefault(f"job {job_id}", [])  # No base name holds a space.
    for other in claims:
        if other.path != claim.path and claim.is_beside(other):
            allowed = f"one that no other job in the same account and region has; {other.path} has it"
            return [Problem("job_id", job_id, allowed, "give one of the two jobs another job_id")]
    claims.append(claim)
    return []


def job_id_problems(job_id: Any, base_job_name: str | None) -> list[Problem]:
    """What is wrong with a job's id alone.

    Args:
        job_id: The id; None if the job has none.
        base_job_name: The base name that the processor has; None if it has none.
    """
    if job_id is None:
        return []
    if not isinstance(job_id, str) or is_token(job_id):
        fix = "write it as text, such as 'census-clean': names are made of it at synth"
        return [Problem("job_id", job_id, "a str that is known at synth", fix)]
    if continued_executions(job_id) is not None:
        if base_job_name is not None:
            return []
        fix = "give the processor the base_job_name that `cdk-processing describe` shows for the deployed job"
        allowed = "an id, or the ARN of a state machine together with the base_job_name of its processing jobs"
        return [Problem("job_id", job_id, allowed, fix)]
    if JOB_ID.fullmatch(job_id):
        return []
    allowed = (
        "1-63 letters, digits and hyphens that begin and end with a letter or digit, or the ARN of a state machine"
    )
    proposed = re.sub(r"[^A-Za-z0-9]+", "-", job_id)[:63].strip("-")
    return [Problem("job_id", job_id, allowed, f"write {proposed!r}" if proposed else "write 'census-clean'")]


def claim_platform_name(platform: Construct, name: str) -> list[Problem]:
    """Let a platform have a name; returns what is wrong where another platform of its account and region has it."""
    stack = stack_of(platform)
    root, stage_path = tree_of(stack)
    claim = _Claim(path_of(platform), place_of(stack), stage_path)
    # No base name holds a space.
    others = _claims.setdefault(root, {}).setdefault(f"platform {name}", [])
    for other in others:
        if claim.is_beside(other):
            allowed = f"one that no other platform in the same account and region has; {other.path} has it"
            return [Problem("name", name, allowed, "rename one, or use ProcessingPlatform.from_name")]
    others.append(claim)
    return []


def _warn(job: Construct, base_name: str, other: _Claim) -> None:
    Annotations.of(job).add_warning_v2(
        "cdk-processing:shared-base-name",
        f"{other.path} has the base name {base_name} too. In one account and region the roles of the two jobs would "
        "reach each other's processing jobs and logs. Set env on their stacks, or give one of them another "
        "base_job_name.",
    )
