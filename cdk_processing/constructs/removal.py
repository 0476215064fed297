"""What happens to data when its stack is deleted: two guards, and only both together let it go.

One line in an app that somebody copies must not delete a company's data, so the environment has to agree: the property
``removal_policy`` on the construct, and a context key on the app or on the command line of ``cdk``.
"""

from __future__ import annotations

from aws_cdk import Annotations, RemovalPolicy
from constructs import Construct

from cdk_processing.errors import Problem

__all__ = ["REMOVE_DATA", "removal_policy_problems", "removes_data"]

#: The context key; the other guard.
REMOVE_DATA = "cdk-processing:remove-data"
_WARNING = "cdk-processing:data-is-kept"


def removal_policy_problems(given: object) -> list[Problem]:
    """What is wrong with a ``removal_policy``."""
    if given is None or given in (RemovalPolicy.RETAIN, RemovalPolicy.DESTROY):
        return []
    fix = "leave it out to keep the data"
    return [Problem("removal_policy", given, "RemovalPolicy.RETAIN or RemovalPolicy.DESTROY", fix)]


def removes_data(scope: Construct, removal_policy: RemovalPolicy | None) -> bool:
    """Whether a construct's data goes with its stack; warns if only the property says so.

    Args:
        scope: The construct.
        removal_policy: Its argument.
    """
    if removal_policy != RemovalPolicy.DESTROY:
        return False
    context = scope.node.try_get_context(REMOVE_DATA)
    # On a command line, every value of a context is text.
    if context is True or str(context).lower() == "true":
        return True
    Annotations.of(scope).add_warning_v2(
        _WARNING,
        "removal_policy=RemovalPolicy.DESTROY alone deletes nothing: the data stays. To delete it with the stack, "
        f"also set the context {REMOVE_DATA}=true, in cdk.json or with cdk -c.",
    )
    return False
