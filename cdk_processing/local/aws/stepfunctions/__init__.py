"""AWS Step Functions: what MiniStack does differently from AWS.

* ``interpreter``: runs state machines, in place of MiniStack's interpreter;
* ``execution``: executions that run under their role, and stop and time out as in AWS;
* ``calls``, ``call_texts``: tasks that call an AWS API with the state machine's role;
* ``processing``: ``sagemaker:createProcessingJob`` with and without ``.sync``;
* ``nested``: ``states:startExecution`` with and without ``.sync``;
* ``permissions``: what else the state machine's role needs;
* ``definitions``, ``definition_values``: which definitions are refused;
* ``api_errors``: the API's words for what does not exist;
* ``limits``: the depth of an expression, and the size of data;
* ``history``, ``execution_logs``: the events of an execution, and its log;
* ``deletion``: a state machine deleted while executions run;
* ``times``: timestamps as AWS writes them.

:mod:`cdk_processing.local.replacements` installs all of it in MiniStack.
"""
