"""Which values of a job break which rule. Each rule is named as the argument of ``Standards`` that sets it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from cdk_processing.errors import Problem
from cdk_processing.request.instances import has_local_storage
from cdk_processing.standards.cost import run_cost
from cdk_processing.standards.created_job import CreatedJob, is_open
from cdk_processing.standards.patterns import any_matches
from cdk_processing.standards.standards import Standards

__all__ = ["RULES", "SYNTH_ONLY"]

Rule = Callable[[Standards, CreatedJob], Iterator[Problem]]

#: What SageMaker has no condition key for.
SYNTH_ONLY: Final = frozenset({"max_instance_count", "image_repositories", "pinned_images", "max_run_cost"})
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_TAG_OR_DIGEST = re.compile(r"(:[^/:@]+)?(@[^/@]+)?$")
_OPEN = "a CDK token or a run-time value"


def _instance_types(standards: Standards, job: CreatedJob) -> Iterator[Problem]:
    allowed = standards.allowed("instance_types")
    if allowed is None:
        return
    for each in job.types or (None,):
        if is_open(each):
            yield from _unknown("instance_types", job)
        elif each is None or not any_matches(each, allowed):
            yield _problem("instance_types", job, each, f"like {_listed(allowed)}", "take such a type")


def _max_instance_count(standards: Standards, job: CreatedJob) -> Iterator[Problem]:
    yield from _at_most("max_instance_count", standards.max_instance_count, job)


def _max_runtime(standards: Standards, job: CreatedJob) -> Iterator[Problem]:
    most = standards.longest_run
    given = job.value_of("max_runtime_in_seconds")
    if most is not None and given is None and job.max_runtime > most:
        allowed = f"at most {most:,}; SageMaker's own limit is {job.max_runtime:,}"
        yield _problem("max_runtime_in_seconds", job, None, allowed, f"set it to {most} or less")
    elif given is not None:
        yield from _at_most("max_runtime_in_seconds", most, job)


def _volume_encryption(standards: Standards, job: CreatedJob) -> Iterator[Problem]:
    needs_key = [each for each in job.types if not has_local_storage(each)]
    if standards.volume_encryption and needs_key and not job.value_of("volume_encryption"):
        yield _problem("volume_encryption", job, None, "a KMS key", "set it, or take a type with local NVMe storage")


def _output_encryption(standards: Standards, job: CreatedJob) -> Iterator[Problem]:
    if standards.output_encryption and not job.value_of("output_encryption"):
        # SageMaker's condition key does not tell a job without outputs from one whose outputs have no key.
        fix = "set it" if job.has_outputs else "set it with an output, or exempt the job, which has no outputs"
        yield _problem("output_encryption", job, None, "a KMS key", fix)


def _traffic_encryption(standards: Standards, job: CreatedJob) -> Iterator[Problem]:
    yield from _true("traffic_encryption", standards.traffic_encryption, job)


def _network_isolation(standards: Standards, job: CreatedJob) -> Iterator[Problem]:
    yield from _true("network_isolation", standards.network_isolation, job)


def _vpc(standards: Standards, job: CreatedJob) -> Iterator[Problem]:
    if standards.vpc and not job.value_of("subnets"):
        yield _problem("vpc", job, None, "a VPC", "name one, or subnets and security groups")


def _subnets(standards: Standards, job: CreatedJob) -> Iterator[Problem]:
    yield from _among("subnets", standards, job)


def _security_groups(standards: Standards, job: CreatedJob) -> Iterator[Problem]:
    yield from _among("security_groups", standards, job)


def _required_tags(standards: Standards, job: CreatedJob) -> Iterator[Problem]:
    tags = job.tags
    if tags is None and standards.tag_values:
        yield from _unknown("required_tags", job)
        return
    for key, patterns in standards.tag_values.items():
        given = (tags or {}).get(key)
        if given is None:
            fix = f"add it, for example Tags.of(app).add({key!r}, ...)" if job.is_declared else "add it"
            yield Problem(f"tag {key!r}", None, "given", fix, _where("required_tags"))
        elif is_open(given):
            if patterns and not job.is_denied_at_run_time:
                yield Problem(f"tag {key!r}", given, "known at synth", "write the value", _where("required_tags"))
        elif patterns and not any_matches(given, patterns):
            yield Problem(f"tag {key!r}", given, f"like {_listed(patterns)}", "correct it", _where("required_tags"))


def _image_repositories(standards: Standards, job: CreatedJob) -> Iterator[Problem]:
    allowed, image = standards.allowed("image_repositories"), job.value_of("image_repositories")
    if allowed is None:
        return
    repository = _TAG_OR_DIGEST.sub("", str(image or ""))
    if not any_matches(repository, allowed):
        yield _problem("image_repositories", job, image, f"from {_listed(allowed)}", "take an image from there")


def _pinned_images(standards: Standards, job: CreatedJob) -> Iterator[Problem]:
    image = job.value_of("pinned_images")
    if standards.pinned_images and not _DIGEST.search(str(image or "")):
        fix = "name the image by digest: ...@sha256:..."
        yield _problem("pinned_images", job, image, "pinned by digest", fix)


def _regions(standards: Standards, job: CreatedJob) -> Iterator[Problem]:
    allowed = standards.allowed("regions")
    if allowed is None:
        return
    if job.region is None or is_open(job.region):
        if not job.is_denied_at_run_time:
            yield _problem("regions", job, None, f"one of {_listed(allowed)}", "set the region of the stack's env")
    elif job.region not in allowed:
        yield _problem("regions", job, job.region, f"one of {_listed(allowed)}", "deploy the stack there")


def _max_run_cost(standards: Standards, job: CreatedJob) -> Iterator[Problem]:
    most = standards.max_run_cost
    if most is None:
        return
    unpriced = [each for each in job.types if each not in standards.prices and not is_open(each)]
    if unpriced:
        allowed = f"known: prices has no {' and no '.join(unpriced)}"
        yield Problem("cost of a run", None, allowed, "add the price", _where("max_run_cost"))
        return
    cost = run_cost(standards.prices, job)
    if cost is None:
        allowed = "known at synth: from the instance type, the number of instances and the time limit"
        yield Problem("cost of a run", None, allowed, "write them as literals", _where("max_run_cost"))
    elif cost.amount > most:
        fix = "lower the number of instances, the time limit or the attempts, or take a cheaper type"
        yield Problem("cost of a run", _Plain(str(cost)), f"at most {most:,.2f}", fix, _where("max_run_cost"))


#: Every rule about a single job.
RULES: Final[Mapping[str, Rule]] = {
    "instance_types": _instance_types,
    "max_instance_count": _max_instance_count,
    "max_runtime_in_seconds": _max_runtime,
    "volume_encryption": _volume_encryption,
    "output_encryption": _output_encryption,
    "traffic_encryption": _traffic_encryption,
    "network_isolation": _network_isolation,
    "vpc": _vpc,
    "subnets": _subnets,
    "security_groups": _security_groups,
    "required_tags": _required_tags,
    "image_repositories": _image_repositories,
    "pinned_images": _pinned_images,
    "regions": _regions,
    "max_run_cost": _max_run_cost,
}


class _Plain(str):
    """Text that a message shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _at_most(rule: str, most: int | None, job: CreatedJob) -> Iterator[Problem]:
    given = job.value_of(rule)
    if most is None or given is None:
        return
    if is_open(given):
        yield from _unknown(rule, job)
    elif int(given) > most:
        yield _problem(rule, job, given, f"at most {most:,}", "lower it")


def _true(rule: str, is_required: bool, job: CreatedJob) -> Iterator[Problem]:
    given = job.value_of(rule)
    if not is_required or given in (True, "true"):
        return
    if is_open(given):
        yield from _unknown(rule, job)
    else:
        yield _problem(rule, job, given, "True" if job.is_declared else "true", "set it")


def _among(rule: str, standards: Standards, job: CreatedJob) -> Iterator[Problem]:
    allowed, given = standards.allowed(rule), job.value_of(rule)
    if allowed is None or not given:
        return  # a job outside a VPC breaks the rule vpc
    for each in given if isinstance(given, list) and not is_open(given) else [given]:
        if each in allowed:
            continue
        if is_open(each):
            yield from _unknown(rule, job)
        else:
            yield _problem(rule, job, each, f"among {_listed(allowed)}", "take those")


def _unknown(rule: str, job: CreatedJob) -> Iterator[Problem]:
    """A value that is not known at synth: left to the denial at run time, where there is one."""
    if rule in SYNTH_ONLY or not job.is_denied_at_run_time:
        yield _problem(rule, job, _Plain(_OPEN), "known at synth", "write the value as a literal")


def _problem(rule: str, job: CreatedJob, value: Any, allowed: str, fix: str) -> Problem:
    shown = _shown(value)
    return Problem(job.field_of(rule), shown, allowed, fix, _where(rule))


def _shown(value: Any) -> Any:
    """A value as a message shows it: what the CDK writes for a token tells nobody anything."""
    if not is_open(value) or isinstance(value, list):
        return value
    text = re.sub(r"\$\{Token\[[^\]]*\]\}", "<token>", str(value))
    return _Plain(_OPEN) if text == "<token>" or is_open(text) else text


def _where(rule: str) -> str:
    return f"standard {rule}"


def _listed(values: tuple[str, ...]) -> str:
    return " or ".join(_OPEN if is_open(each) else each for each in values)
