"""A stack of this library, declared again as plain `CfnResource`, one by one: nothing in CDK takes fewer calls.

It writes the same template and publishes the same files, or `benchmarks.declare` refuses to compare. A resource names
another by the CDK's own references, `ref` and `get_att`, each asked for once: they hold whatever logical id a resource
gets, and from other stacks. With ``literal`` as second argument, it names the others by the ids of this one template.
A construct directly under its stack keeps its id as its logical id, so that every resource comes out the same.
"""

import json
import sys
from pathlib import Path
from typing import Any

from aws_cdk import App, CfnMapping, CfnResource, FileAssetPackaging, RemovalPolicy, Stack

from cdk_processing.constructs.typed import call_for

TEMPLATE = Path(sys.argv[1])
REMOVAL = {"Retain": RemovalPolicy.RETAIN, "RetainExceptOnCreate": RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE}
IS_LITERAL = sys.argv[2:] == ["literal"]

made: dict[str, CfnResource] = {}
references: dict[tuple[str, str], Any] = {}


def reference(logical_id: str, attribute: str = "Ref") -> Any:
    """The CDK's reference to a resource."""
    known = (logical_id, attribute)
    if known not in references:
        resource = made[logical_id]
        references[known] = resource.ref if attribute == "Ref" else resource.get_att(attribute)
    return references[known]


def referring(value: Any) -> Any:
    """A part of a template with the CDK's references in place of logical ids."""
    if isinstance(value, list):
        return [referring(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Ref"} and value["Ref"] in made:
        return reference(value["Ref"])
    if value.keys() == {"Fn::GetAtt"} and value["Fn::GetAtt"][0] in made:
        return reference(*value["Fn::GetAtt"])
    return {name: referring(item) for name, item in value.items()}


template = json.loads(TEMPLATE.read_text(encoding="utf-8"))
files = json.loads(TEMPLATE.with_name("Jobs.assets.json").read_text(encoding="utf-8"))["files"]
app = App(context={"@aws-cdk/core:stackResourceLimit": 0})
stack = Stack(app, "Jobs")
synthesizer = stack.synthesizer
for name, mapping in template.get("Mappings", {}).items():
    CfnMapping(stack, name, mapping=mapping)
for logical_id, described in template["Resources"].items():
    properties = described.get("Properties")
    made[logical_id] = resource = CfnResource(
        stack, logical_id, type=described["Type"], properties=properties if IS_LITERAL else referring(properties)
    )
    for key, value in described.get("Metadata", {}).items():
        resource.add_metadata(key, value if IS_LITERAL else referring(value))
    if "DeletionPolicy" in described:
        resource.apply_removal_policy(REMOVAL[described["DeletionPolicy"]])
for source_hash, file in files.items():
    path = Path(file["source"]["path"])
    if path != Path(TEMPLATE.name):
        source = {
            "sourceHash": source_hash,
            "fileName": str(TEMPLATE.with_name(path.parent.name) / path.name),
            "packaging": FileAssetPackaging.FILE,
            "displayName": file["displayName"],
        }
        call_for(synthesizer, "addFileAsset", [source])
app.synth()
