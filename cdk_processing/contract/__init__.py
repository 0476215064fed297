"""A deployed job as others see it: its tags, names, inputs and messages. Each file writes and reads one form.

``workflow`` and ``constructs`` write them; ``client`` and ``local`` read them. Pure: neither the CDK nor boto3.
"""
