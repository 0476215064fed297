"""The SageMaker service of the embedded AWS: processing jobs, with the API's own limits, errors and events.

* ``service``: the API operations;
* ``validation``: checks a request against the service model; ``rules``: checks that the model cannot express;
* ``jobs``: the jobs and their states; ``logs``: their log streams; ``pulls``: permissions a role needs before a job.

This package does not run containers: see ``cdk_processing.local.container.runner``.
"""
