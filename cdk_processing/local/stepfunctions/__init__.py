"""Step Functions of the embedded AWS, where MiniStack's differ from AWS's.

* ``execution``: executions that can be stopped, time out, retry and assign as AWS's do;
* ``calls``: tasks that call an AWS API, made with the state machine's role;
* ``processing``: ``sagemaker:createProcessingJob`` with and without ``.sync``;
* ``permissions``: what the state machine's role must be allowed besides;
* ``history``: what an execution's history tells of a task;
* ``deletion``: a state machine deleted while executions run;
* ``times``: timestamps as AWS writes them.
"""

from __future__ import annotations

from cdk_processing.local.aws.roles import AssumedRoles
from cdk_processing.local.sagemaker.service import SageMaker
from cdk_processing.local.stepfunctions.calls import RoleCalls
from cdk_processing.local.stepfunctions.deletion import delete_machines_as_aws_does
from cdk_processing.local.stepfunctions.execution import install_execution_rules
from cdk_processing.local.stepfunctions.history import write_history_as_aws_does
from cdk_processing.local.stepfunctions.processing import ProcessingTasks
from cdk_processing.local.stepfunctions.times import read_times_as_aws_writes_them

__all__ = ["install"]


def install(sagemaker: SageMaker, roles: AssumedRoles) -> None:
    """Put all of it in place; once, before the first request."""
    install_execution_rules()
    write_history_as_aws_does()
    delete_machines_as_aws_does()
    read_times_as_aws_writes_them()
    RoleCalls(roles).install()
    ProcessingTasks(sagemaker).install()
