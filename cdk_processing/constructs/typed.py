"""Typed L1 resources, made by the name of their class: the CDK sees ``CfnRole``, and Python imports no ``aws_iam``.

Tags, aspects, Mixins and cdk-nag look for the typed classes of aws-cdk-lib, and pass a plain ``CfnResource`` over. The
Python modules of those classes are slow to import, and check each struct before it is sent. Only the name of the class
and its properties have to cross to Node, so a typed resource costs what a plain one costs (``make bench``).
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, cast

import jsii
from aws_cdk import CfnResource, Token
from constructs import Construct
from jsii._reference_map import _refs

__all__ = ["TypedResource", "call_for", "typed_resource"]

_CAPITALS = re.compile(r"^(?:[A-Z]+(?![a-z])|[A-Z])")
#: Documents in a language of their own: their names stay as they are.
_DOCUMENTS = frozenset({"AssumeRolePolicyDocument", "CostFilters", "EventPattern", "KeyPolicy", "PolicyDocument"})


class TypedResource(CfnResource):
    """This library's handle on a typed L1.

    jsii does not know the handle. Where the resource comes back to Python, as it does for an aspect, jsii makes an
    object of the typed class for it, and imports that class if the app has not done so.
    """

    _known: dict[str, str]
    __jsii_ref__: Any

    @classmethod
    def create(cls, scope: Construct, construct_id: str, kind: str, properties: dict[str, Any]) -> TypedResource:
        """Make the resource; see :func:`typed_resource`."""
        made, answer = cls.__new__(cls), _Answer()
        # jsii searches what it makes an object for for methods that Node is to call, at each creation.
        made.__jsii_ref__ = jsii.kernel.create(_class_of(kind), answer, [scope, construct_id, _camel(properties)])
        _refs._refs.pop(made.__jsii_ref__.ref)
        made._known = {}
        return made

    def attribute(self, name: str) -> str:
        """What CloudFormation returns, as text: ``Arn``; or ``ref``, what ``Ref`` returns. Asked of Node once."""
        if name not in self._known:
            self._known[name] = cast(str, jsii.kernel.get(self, name if name == "ref" else f"attr{name}"))
        return self._known[name]

    def write(self, name: str, value: Any) -> Any:
        """Set a property, in a template's words, as an aspect would: what an aspect sets later holds.

        Returns:
            The value as it is read again.
        """
        written = value if name in _DOCUMENTS else _camel(value)
        jsii.kernel.set(self, _camel_name(name), written)
        return written

    def read(self, name: str) -> Any:
        """A property as it is now."""
        return jsii.kernel.get(self, _camel_name(name))

    def describe(self, key: str, value: dict[str, Any]) -> None:
        """Say something in the template's metadata of the resource; what was said before under the key is replaced."""
        jsii.kernel.invoke(self, "addMetadata", [key, value])

    def tags_and(self, name: str) -> tuple[dict[str, str], Any]:
        """The tags as they are now, complete once aspects have run; and a property. In one call."""
        properties = jsii.kernel.get(self, "cfnProperties")
        tags = {tag["key"]: tag["value"] for tag in properties.get("tags") or []}
        return tags, properties.get(_camel_name(name))


def typed_resource(scope: Construct, construct_id: str, kind: str, properties: dict[str, Any]) -> TypedResource:
    """A typed L1 of the type ``kind``.

    Args:
        scope: The parent construct.
        construct_id: The construct's id.
        kind: The CloudFormation type, such as ``AWS::IAM::Role``.
        properties: As in a template; tokens and intrinsic functions are welcome.
    """
    return TypedResource.create(scope, construct_id, kind, properties)


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


@cache
def _class_of(kind: str) -> Any:
    _, service, resource = kind.split("::")
    return type(resource, (), {"__jsii_type__": f"aws-cdk-lib.aws_{service.lower()}.Cfn{resource}"})


def _camel(value: Any) -> Any:
    """A template's properties in the words of the typed classes, which also take no intrinsic function as a dict."""
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref")):
        # Token.as_string(value) looks up the types of its arguments at each call.
        return jsii.kernel.sinvoke(Token, "asString", [value])
    return {_camel_name(name): item if name in _DOCUMENTS else _camel(item) for name, item in value.items()}


@cache
def _camel_name(name: str) -> str:
    """``PolicyName`` as ``policyName``, and ``SSEType`` as ``sseType``."""
    return _CAPITALS.sub(lambda capitals: capitals[0].lower(), name, count=1)
