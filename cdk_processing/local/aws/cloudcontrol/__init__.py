"""The AWS Cloud Control API: reads and updates single resources of stacks, for ``cdk deploy --hotswap``."""
