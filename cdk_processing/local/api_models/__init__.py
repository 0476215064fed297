"""The AWS APIs as botocore's models describe them: which operation a request is, and how values are written."""
