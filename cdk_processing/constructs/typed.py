"""Typed L1 resources, made by the name of their type: the CDK sees ``CfnRole``, and Python imports no ``aws_iam``.

Tags, aspects, Mixins and cdk-nag look for the typed classes of aws-cdk-lib, and pass a plain ``CfnResource`` over. The
Python modules of those classes are slow to import, and check each struct before it is sent. So ``node_side.js`` makes
the object, from properties in one text. A typed resource then costs less than a plain one (``make bench``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import jsii
from aws_cdk import CfnResource, IResolvable, Token
from constructs import Construct

from cdk_processing.constructs.node_side import call_node

__all__ = ["Change", "TypedResource", "call_for", "read_all", "typed_resource", "write_all"]

#: The attribute of a type that nearly every use of it needs; it comes with the answer to the creation.
_NEEDED = {"AWS::IAM::Role": "Arn", "AWS::StepFunctions::StateMachine": "ref"}


class TypedResource(CfnResource):
    """This library's handle on a typed L1.

    jsii does not know the handle. Where the resource comes back to Python, as it does for an aspect, jsii makes an
    object of the typed class for it, and imports that class if the app has not done so.
    """

    _known: dict[str, str]
    __jsii_ref__: Any

    @classmethod
    def create(
        cls, scope: Construct, construct_id: str, kind: str, properties: dict[str, Any], *, is_default_child: bool
    ) -> TypedResource:
        """Make the resource; see :func:`typed_resource`."""
        made, needed = cls.__new__(cls), _NEEDED.get(kind)
        asked = "" if needed is None else _attribute(needed)
        made.__jsii_ref__, *told = call_node(
            "create", scope, construct_id, kind, _json(properties), asked, is_default_child
        )
        made._known = {} if needed is None else {needed: told[0]}
        return made

    def attribute(self, name: str) -> str:
        """What CloudFormation returns, as text: ``Arn``; or ``ref``, what ``Ref`` returns. Asked of Node once."""
        if name not in self._known:
            self._known[name] = cast(str, jsii.kernel.get(self, _attribute(name)))
        return self._known[name]

    def write(self, name: str, value: Any) -> Any:
        """Set a property, in a template's words, as an aspect would: what an aspect sets later holds.

        Returns:
            The value as it is read again.
        """
        [[written]] = write_all([(self, Change({name: value}))])
        return written

    def read(self, name: str) -> Any:
        """A property as it is now."""
        return jsii.kernel.get(self, f"{name[0].lower()}{name[1:]}")


class Change(NamedTuple):
    """What is to change in a resource.

    Attributes:
        properties: Properties in a template's words.
        metadata: What the template says of the resource, by key; what was said before under a key is replaced.
    """

    properties: Mapping[str, Any]
    metadata: Mapping[str, Any] = {}


def write_all(changes: Sequence[tuple[TypedResource, Change]]) -> list[list[Any]]:
    """Make changes in resources, all in one call; returns the properties of each as they are read again."""
    texts = [change._asdict() for _, change in changes]
    written: list[list[Any]] = json.loads(call_node("write", [each for each, _ in changes], _json(texts)))
    return written


def read_all(asked: Sequence[tuple[TypedResource, str]]) -> list[Any]:
    """Properties as they are now, all in one call; ``Tags`` are those that reach the template once aspects have run.

    Args:
        asked: A resource and the name of a property in a template's words, for each.
    """
    if not asked:
        return []
    resources, names = zip(*asked, strict=True)
    found: list[Any] = json.loads(call_node("read", list(resources), _json(names)))
    return found


def typed_resource(
    scope: Construct, construct_id: str, kind: str, properties: dict[str, Any], *, is_default_child: bool = False
) -> TypedResource:
    """A typed L1 of the type ``kind``.

    Args:
        scope: The parent construct.
        construct_id: The construct's id.
        kind: The CloudFormation type, such as ``AWS::IAM::Role``.
        properties: As in a template; tokens and intrinsic functions are welcome.
        is_default_child: Whether it is the resource that stands for its parent.
    """
    return TypedResource.create(scope, construct_id, kind, properties, is_default_child=is_default_child)


def _attribute(name: str) -> str:
    return name if name == "ref" else f"attr{name}"


def _json(value: object) -> str:
    return json.dumps(value, default=_token, separators=(",", ":"))


def _token(value: object) -> str:
    """What the CDK resolves later, as text."""
    return Token.as_string(cast(IResolvable, value))


def call_for(target: object, method: str, arguments: list[Any], *fields: str) -> list[Any]:
    """Call a method that returns a struct, and get some of its fields.

    jsii makes an object of the whole struct otherwise, by one more call for each of its fields.
    """
    answer = _Answer()
    answer.__jsii_ref__ = cast(Any, jsii.kernel.invoke).__wrapped__(jsii.kernel, target, method, arguments)
    return [jsii.kernel.get(answer, field) for field in fields]


class _Answer:
    """Something of Node's that is known by its reference alone."""

    __jsii_ref__: Any
