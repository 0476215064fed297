"""AWS Step Functions: what MiniStack does differently from AWS.

* ``execution``: executions that stop, time out, retry and assign as in AWS;
* ``calls``: tasks that call an AWS API with the state machine's role;
* ``processing``: ``sagemaker:createProcessingJob`` with and without ``.sync``;
* ``permissions``: what else the state machine's role needs;
* ``limits``: the depth of an expression, and the size of data;
* ``history``: the events of tasks in an execution's history;
* ``deletion``: a state machine deleted while executions run;
* ``times``: timestamps as AWS writes them.

:mod:`cdk_processing.local.replacements` installs all of it in MiniStack.
"""
