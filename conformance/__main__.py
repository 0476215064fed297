"""Run the scenarios: ``python -m conformance [name ...] [--profile NAME] [--region NAME] [--yes] [--report FILE]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from conformance.scenarios import SCENARIOS, Answer, Scenario
from conformance.target import Target, taken_down

__all__ = ["main", "report", "try_all"]

#: How long IAM may take to know a new role everywhere.
_SETTLING_SECONDS = 15


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios that are named, all of them if none is. Returns 1 if one does not agree."""
    parser = argparse.ArgumentParser(prog="python -m conformance", description="Try what AWS does.")
    parser.add_argument("names", nargs="*", metavar="name", help="scenarios; all of them if none is named")
    parser.add_argument("--list", action="store_true", help="list the scenarios and end")
    parser.add_argument("--profile", help="run them in the real account of this profile, instead of the embedded AWS")
    parser.add_argument("--region", help="the region; the profile's own if left out")
    parser.add_argument("--yes", action="store_true", help="agree to the cost without being asked")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write what was seen to a file, as Markdown")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - {each.name for each in SCENARIOS})
    if unknown:
        parser.error(f"no such scenario: {', '.join(unknown)}; --list names all of them")
    chosen = [each for each in SCENARIOS if not options.names or each.name in options.names]
    if options.list:
        for each in chosen:
            print(f"{each.name}\n    {each.fact}")
        return 0
    if options.profile and not options.yes and not _agreed(chosen, options.profile):
        return 1
    opened = _account(options.profile, options.region) if options.profile else _embedded()
    with opened as target:
        where = f"account {target.account}, {target.region}" if target.is_aws else "the embedded AWS"
        seen, left = try_all(chosen, target)
    for what in left:
        print(f"could not be taken down, do it by hand: {what}", file=sys.stderr)
    if options.report:
        options.report.write_text(report(where, seen), encoding="utf-8")
    return 0 if all(answer.agrees for _, answer in seen) else 1


def try_all(scenarios: Sequence[Scenario], target: Target) -> tuple[list[tuple[Scenario, Answer]], list[str]]:
    """Try scenarios one after the other, print what each saw, and take everything down, also after Ctrl-C.

    Returns:
        What was seen, and what could not be taken down.
    """
    seen: list[tuple[Scenario, Answer]] = []
    left: list[str] = []
    try:
        for scenario in scenarios:
            with taken_down(target) as failed:
                answer = _try(scenario, target)
            left += failed
            seen.append((scenario, answer))
            print(f"{'agrees ' if answer.agrees else 'DIFFERS'} {scenario.name}: {answer.seen}", flush=True)
    except KeyboardInterrupt:
        left += failed
        print("stopped; what was made is taken down", file=sys.stderr)
    return seen, left


def _try(scenario: Scenario, target: Target) -> Answer:
    try:
        return scenario.try_it(target)
    except Exception as error:
        return Answer(f"did not run: {type(error).__name__}: {error}", False)


def report(where: str, seen: Sequence[tuple[Scenario, Answer]]) -> str:
    """What was seen, as Markdown."""
    agreed = sum(answer.agrees for _, answer in seen)
    lines = [f"# What {where} does", "", f"{agreed} of {len(seen)} scenarios agree.", ""]
    for scenario, answer in seen:
        verdict = "agrees" if answer.agrees else "differs"
        lines += [f"## {scenario.name}: {verdict}", "", scenario.fact, "", f"Seen: {answer.seen}", ""]
    return "\n".join(lines)


def _agreed(chosen: Sequence[Scenario], profile: str) -> bool:
    cents = sum(each.cents for each in chosen)
    print(
        f"{len(chosen)} scenarios in the account of the profile {profile!r} cost at most {cents / 100:.2f} US dollars."
    )
    print("All names begin with conformance-. What is made is taken down at the end; keys are deleted after 7 days.")
    return input("Run them? Type yes: ").strip().lower() == "yes"


@contextmanager
def _embedded() -> Iterator[Target]:
    from cdk_processing.local.engine import LocalAws

    with LocalAws() as aws:
        yield Target(aws.client, aws.account_id, aws.region, fire_schedule=aws.fire_schedule)


@contextmanager
def _account(profile: str, region: str | None) -> Iterator[Target]:
    import boto3

    session = boto3.Session(profile_name=profile, region_name=region)
    account = session.client("sts").get_caller_identity()["Account"]
    yield Target(session.client, account, session.region_name, settling_seconds=_SETTLING_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
