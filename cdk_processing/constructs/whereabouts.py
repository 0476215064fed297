"""Where a resource is: what is known of that at synth, and what the CDK assumes.

The CDK gives a resource that was imported the account and region of the stack that it was imported in. For a bucket by
its name that is a guess: the name says nothing. So only the following is known: where the app makes a resource, what an
ARN says, and what was said when the resource was imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from aws_cdk import CfnResource, Stack
from constructs import Construct

from cdk_processing.access.statement import Place
from cdk_processing.constructs.resources import node_of, place_of, stack_of
from cdk_processing.request.tokens import is_token

__all__ = ["Spot", "Whereabouts", "is_settled", "where_is"]

#: Fields of an ARN: arn, partition, service, region, account, resource.
_ARN_FIELDS = 6


class Spot(NamedTuple):
    """An account and a region; "" where one is not known."""

    account: str = ""
    region: str = ""


class Whereabouts(NamedTuple):
    """Where a resource is.

    Attributes:
        known: What is known.
        assumed: Where the stack is that it was imported in, as far as nothing more is known.
    """

    known: Spot = Spot()
    assumed: Spot = Spot()


_found: WeakKeyDictionary[Any, Whereabouts] = WeakKeyDictionary()


def is_settled(here: Place) -> bool:
    """Whether a stack says at synth where it will be; nothing can be compared with it otherwise."""
    return not (is_token(here.account) and is_token(here.region))


def where_is(resource: Any, named: str = "") -> Whereabouts:
    """Where a resource is.

    Args:
        resource: A construct, an ARN, or a name, which says nothing.
        named: The ARN by which AWS is told of the resource: it is looked for there, whatever else is said.
    """
    if isinstance(resource, str):
        return Whereabouts(_spot_in(resource))
    if not isinstance(resource, Construct) and not hasattr(resource, "env"):
        return Whereabouts(_spot_in(named))
    if resource not in _found:
        _found[resource] = _look(resource)
    known, assumed = _found[resource]
    told = _spot_in(named)
    known = Spot(told.account or known.account, told.region or known.region)
    return Whereabouts(known, Spot(*(place if not sure else "" for place, sure in zip(assumed, known, strict=True))))


def _look(resource: Any) -> Whereabouts:
    stack = place_of(stack_of(resource))
    inside = Spot(_literal(stack.account), _literal(stack.region))
    if isinstance(resource, Stack) or not hasattr(resource, "env") or _is_made_here(resource):
        return Whereabouts(inside)
    environment = resource.env
    own = Spot(_literal(environment.account), _literal(environment.region))
    # What differs from the stack's was said when the resource was imported (region=...), or was read from its ARN.
    told = (mine if mine != theirs else "" for mine, theirs in zip(own, inside, strict=True))
    found = _looked_up(resource)
    return Whereabouts(found if found.region else Spot(*told), inside)


def _is_made_here(resource: Any) -> bool:
    node = node_of(resource)
    return isinstance(node.default_child, CfnResource) or any(isinstance(each, CfnResource) for each in node.children)


def _looked_up(resource: Any) -> Spot:
    """Where the CDK has found a VPC that the app looks up, as its context says (``cdk.context.json``)."""
    if not hasattr(resource, "select_subnets"):
        return Spot()
    vpc_id = resource.vpc_id
    for key, value in node_of(resource).root.node.get_all_context().items():
        if key.startswith("vpc-provider:") and isinstance(value, Mapping) and value.get("vpcId") == vpc_id:
            asked = dict(part.split("=", 1) for part in key.split(":") if "=" in part)
            return Spot(asked.get("account", ""), asked.get("region", ""))
    return Spot()


def _spot_in(arn: str) -> Spot:
    fields = arn.split(":")
    if len(fields) < _ARN_FIELDS or fields[0] != "arn":
        return Spot()
    return Spot(_literal(fields[4]), _literal(fields[3]))


def _literal(text: str | None) -> str:
    return "" if text is None or is_token(text) or not text.strip() else text
