"""Jobs with triggers in a stack, and what is made of them."""

import pytest

from cdk_processing import (
    DeclarationError,
    ProcessingJob,
)
from tests.workflow.states_language import problems_of


@pytest.fixture
def declare(stack, request_for):
    """A job with such triggers in its stack."""

    def make(*triggers, name="Job", scope=stack, arguments=(), **job):
        request = request_for(arguments=list(arguments)) if arguments else request_for()
        return ProcessingJob(scope, name, request, triggers=triggers, **job)

    return make


@pytest.fixture
def rule(stack, synth, resources):
    def only():
        [found] = resources(synth(stack), "AWS::Events::Rule").values()
        return found["Properties"]

    return only


@pytest.fixture
def states(stack, synth, definition):
    """A job's states, once statelint has nothing against them."""

    def of_job(name="Job", scope=stack):
        found = definition(synth(scope), name)
        assert problems_of(found) == []
        return found["States"]

    return of_job


@pytest.fixture
def refused(declare):
    """The one problem of a declaration, as it is told."""

    def of(*triggers, **job):
        with pytest.raises(DeclarationError) as raised:
            declare(*triggers, **job)
        [problem] = raised.value.problems
        return str(problem)

    return of


@pytest.fixture
def made(stack, request_for, synth, resources):
    """The properties of the resource that a trigger is."""

    def bind(trigger, kind, arguments=()):
        request = request_for(arguments=arguments) if arguments else request_for()
        ProcessingJob(stack, "Preprocess", request, triggers=[trigger])
        [found] = resources(synth(stack), kind).values()
        return found["Properties"]

    return bind
