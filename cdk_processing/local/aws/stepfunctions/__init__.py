"""AWS Step Functions: where MiniStack's differ from AWS's.

* ``execution``: executions that can be stopped, time out, retry and assign as AWS's do;
* ``calls``: tasks that call an AWS API, made with the state machine's role;
* ``processing``: ``sagemaker:createProcessingJob`` with and without ``.sync``;
* ``permissions``: what the state machine's role must be allowed besides;
* ``limits``: how deep an expression nests and how large data is, at most;
* ``history``: what an execution's history tells of a task;
* ``deletion``: a state machine deleted while executions run;
* ``times``: timestamps as AWS writes them.

:mod:`cdk_processing.local.replacements` puts all of it in place.
"""
