"""The SageMaker service of the embedded AWS: processing jobs, with the API's own limits, errors and events.

* ``service``: the operations as they come over the wire;
* ``validation``: a request held to the service model; ``rules``: what the model cannot say;
* ``jobs``: the jobs and how they live; ``logs``: their log streams; ``pulls``: what a role needs before a job starts.

How a container runs is not known here: see ``cdk_processing.local.container.runner``.
"""
