"""The AWS APIs according to botocore's models: the operation of a request, and the format of values."""
