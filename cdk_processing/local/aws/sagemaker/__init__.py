"""The SageMaker service of the embedded AWS: processing jobs, with the API's own limits, errors and events.

* ``service``: the API operations;
* ``validation``: checks a request against the service model; ``rules``: checks that the model cannot express;
* ``missing_features``: what AWS has and the embedded AWS lacks; ``deployed_jobs``: checks jobs at their deployment;
* ``jobs``: the jobs and their states; ``logs``: their log streams; ``pulls``: permissions a role needs before a job.

This package does not run containers: see ``cdk_processing.local.container.runner``.
"""
