"""Calls of ``node_side.js``, the part of this library that runs in the CDK's Node.js process.

It is a jsii module as every library of constructs has one, with a single class whose methods take text. The CDK's Node
process loads it from a tarball, which is made here when it is first needed.
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, cast

import aws_cdk  # noqa: F401  The CDK has to be loaded before what requires it.
import jsii

__all__ = ["call_node"]

_NAME, _VERSION = "cdk-processing-node-side", "1.0.0"
_SOURCE = Path(__file__).with_suffix(".js")
_SCOPE = {"fqn": "constructs.Construct"}
_TEXT, _TRUTH, _ANY = {"primitive": "string"}, {"primitive": "boolean"}, {"primitive": "any"}
_RESOURCES = {"collection": {"elementtype": {"fqn": "aws-cdk-lib.CfnResource"}, "kind": "array"}}
#: The parameters of each method and what it returns.
_METHODS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "create": (
        {
            "scope": _SCOPE,
            "id": _TEXT,
            "kind": _TEXT,
            "properties": _TEXT,
            "attribute": _TEXT,
            "isDefaultChild": _TRUTH,
        },
        _ANY,
    ),
    "write": ({"resources": _RESOURCES, "changes": _TEXT}, _TEXT),
    "read": ({"resources": _RESOURCES, "names": _TEXT}, _TEXT),
}


def call_node(method: str, *arguments: Any) -> Any:
    """Call a method; objects in the answer are references alone, for which Python imports no class."""
    sinvoke = cast(Any, jsii.kernel.sinvoke).__wrapped__
    return sinvoke(jsii.kernel, _resources(), method, list(arguments))


@cache
def _resources() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        tarball = Path(folder, f"{_NAME}.tgz")
        tarball.write_bytes(_tarball())
        jsii.kernel.load(_NAME, _VERSION, str(tarball))
    return type("Resources", (), {"__jsii_type__": f"{_NAME}.Resources"})


def _tarball() -> bytes:
    files = {
        "package.json": json.dumps({"name": _NAME, "version": _VERSION, "main": _SOURCE.name}),
        ".jsii": json.dumps(_assembly()),
        _SOURCE.name: _SOURCE.read_text(encoding="utf-8"),
    }
    written = io.BytesIO()
    # The same bytes each time: the CDK's Node process keeps what it has unpacked in a cache.
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return written.getvalue()


def _assembly() -> dict[str, Any]:
    """The module's description for jsii.

    Source: https://github.com/aws/jsii/blob/main/packages/@jsii/spec/src/assembly.ts
    """
    methods = [
        {
            "name": name,
            "static": True,
            "parameters": [{"name": parameter, "type": kind} for parameter, kind in parameters.items()],
            "returns": {"type": returned},
        }
        for name, (parameters, returned) in _METHODS.items()
    ]
    described = {"assembly": _NAME, "fqn": f"{_NAME}.Resources", "kind": "class", "name": "Resources"}
    return {
        "schema": "jsii/0.10.0",
        "name": _NAME,
        "version": _VERSION,
        "fingerprint": "none",
        "description": "The part of cdk-processing that runs in Node.js",
        "license": "Apache-2.0",
        "homepage": "https://pypi.org/project/cdk-processing",
        "repository": {"type": "git", "url": "https://pypi.org/project/cdk-processing"},
        "author": {"name": "cdk-processing", "roles": ["author"]},
        "jsiiVersion": "5.0.0",
        "dependencies": {"aws-cdk-lib": "^2.0.0", "constructs": "^10.0.0"},
        "types": {described["fqn"]: {**described, "methods": methods}},
    }
