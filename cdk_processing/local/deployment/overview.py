"""What an app would deploy where: its stacks, their jobs, what launches each, and what a run costs at most."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cdk_processing.contract.description import JobDescription
from cdk_processing.local.deployment.assembly import Assembly, StackArtifact
from cdk_processing.standards.cost import RunCost, run_cost
from cdk_processing.standards.created_job import CreatedJob, is_open
from cdk_processing.standards.template_text import TemplateText
from cdk_processing.standards.templates import SynthesizedStack, jobs_of

__all__ = ["JobOverview", "Place", "Priced", "StackOverview", "overview_of"]

_TOKEN = re.compile(r"\$\{Token\[([^\]]*)\]\}")


@dataclass(frozen=True, slots=True)
class Priced:
    """What an instance costs for an hour somewhere."""

    prices: Mapping[str, float]
    currency: str


@dataclass(frozen=True, slots=True)
class Place:
    """An environment: where stacks go.

    Attributes:
        name: Its name.
        account: The account.
        region: The region.
        priced: What an instance costs there; None if no table gives a price.
    """

    name: str
    account: str
    region: str
    priced: Priced | None


@dataclass(frozen=True, slots=True)
class JobOverview:
    """A job that a stack deploys.

    Attributes:
        path: Its construct path.
        launched_by: What launches it; () for a job that is started by hand, or not of this library.
        instance_types: The types that it may run on.
        instance_count: The number of instances; None if synth does not know it.
        max_runtime_in_seconds: The time limit; None if synth does not know it.
        cost: What one run costs at most; None if that is not known.
        currency: The currency of the cost.
        unpriced: Types that have no price.
    """

    path: str
    launched_by: tuple[str, ...]
    instance_types: tuple[str, ...]
    instance_count: int | None
    max_runtime_in_seconds: int | None
    cost: RunCost | None
    currency: str
    unpriced: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StackOverview:
    """A stack, and where it goes.

    Attributes:
        name: Its name in the CDK, such as ``prod/census``.
        account: The account; None for that of whoever deploys.
        region: The region; None for that of whoever deploys.
        environment: The environment's name; None if no environment is there.
        jobs: Its jobs.
    """

    name: str
    account: str | None
    region: str | None
    environment: str | None
    jobs: tuple[JobOverview, ...]


def overview_of(assembly: Assembly, places: Iterable[Place], priced: Priced | None = None) -> tuple[StackOverview, ...]:
    """What an assembly deploys.

    Args:
        assembly: The assembly.
        places: The environments.
        priced: What an instance costs where no environment says it.
    """
    known = tuple(places)
    return tuple(_stack(stack, known, priced) for stack in assembly.stacks)


def _stack(stack: StackArtifact, places: tuple[Place, ...], priced: Priced | None) -> StackOverview:
    place = _place(stack, places)
    if place is not None and place.priced is not None:
        priced = place.priced
    launches = _launches(stack)
    synthesized = SynthesizedStack(stack.display_name, stack.template, stack.paths, stack.region)
    jobs = tuple(_job(job, launches.get(job.path, ()), priced) for job in jobs_of(synthesized))
    return StackOverview(
        stack.display_name, stack.account_id, stack.region, None if place is None else place.name, jobs
    )


def _place(stack: StackArtifact, places: tuple[Place, ...]) -> Place | None:
    """The environment of a stack; of several in one account and region, the one that its stage is named after."""
    there = [each for each in places if (each.account, each.region) == (stack.account_id, stack.region)]
    stage = stack.display_name.partition("/")[0]
    named = [each for each in there if each.name == stage]
    return next(iter(named or there), None)


def _launches(stack: StackArtifact) -> dict[str, tuple[str, ...]]:
    """What launches each job of this library, by the job's path."""
    reader = TemplateText(stack.template)
    found: dict[str, tuple[str, ...]] = {}
    for name, resource in (stack.template.get("Resources") or {}).items():
        described = JobDescription.parse(resource)
        if described is not None:
            path = stack.paths.get(name, name).removesuffix("/Resource").removesuffix("/StateMachine")
            found[path] = tuple(_shown(reader.text(each), stack.paths) for each in described.triggers)
    return found


def _shown(text: str, paths: Mapping[str, str]) -> str:
    """Text in which a resource of the stack is named by its construct's path."""

    def path(token: re.Match[str]) -> str:
        name = token[1].partition(".")[0]
        return f"<{paths.get(name, name).removesuffix('/Resource')}>"

    return _TOKEN.sub(path, text)


def _job(job: CreatedJob, launched_by: tuple[str, ...], priced: Priced | None) -> JobOverview:
    prices = {} if priced is None else priced.prices
    types = tuple(each for each in job.types if not is_open(each))
    return JobOverview(
        path=job.path,
        launched_by=launched_by,
        instance_types=types,
        instance_count=_known(job.value_of("max_instance_count")),
        max_runtime_in_seconds=_known(job.max_runtime),
        cost=run_cost(prices, job),
        currency="" if priced is None else priced.currency,
        unpriced=tuple(each for each in types if each not in prices),
    )


def _known(number: object) -> int | None:
    return None if is_open(number) or not isinstance(number, (int, float, str)) else int(number)
