"""A platform in each account of environments.yaml, and there the jobs of each team, from its jobs.yaml.

A team gets a job by a pull request of one file, ``teams/<team>/jobs.yaml``, with its scripts beside it. A platform team
owns ``environments.yaml`` and this file. ``ENVIRONMENT=test cdk-processing local`` runs one environment on a laptop.
"""

import os
from pathlib import Path

from aws_cdk import App, Stack, Stage

from cdk_processing import ProcessingEnvironments, ProcessingJobs

HERE = Path(__file__).parent
WANTED = os.environ.get("ENVIRONMENT")

app = App()
for environment in ProcessingEnvironments.from_file(HERE / "environments.yaml"):
    if WANTED not in (None, "", environment.name):
        continue
    stage = Stage(app, environment.name, env=environment.env)
    shared = Stack(stage, "Platform")
    environment.make_platform(shared, "Platform")
    for file in sorted(HERE.glob("teams/*/jobs.yaml")):
        team = file.parent.name
        stack = Stack(stage, team.title())
        stack.node.add_dependency(shared)
        platform = environment.use_platform(stack, "Platform", team=team)
        ProcessingJobs.from_file(stack, "Jobs", file, platform=platform, variables=environment.variables)
app.synth()
