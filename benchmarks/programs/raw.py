"""The resources of a template, declared again one by one as plain dicts: nothing in CDK takes fewer calls.

A construct directly under its stack keeps its id as its logical id, so that every resource of a job comes out the same.
"""

import json
import sys
from pathlib import Path

from aws_cdk import App, CfnResource, Stack

template = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
app = App(context={"@aws-cdk/core:stackResourceLimit": 0})
stack = Stack(app, "Jobs")
for logical_id, described in template["Resources"].items():
    resource = CfnResource(stack, logical_id, type=described["Type"], properties=described.get("Properties"))
    for key, value in described.get("Metadata", {}).items():
        resource.add_metadata(key, value)
app.synth()
