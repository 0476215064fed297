"""The AWS Cloud Control API: reads and changes single resources of stacks, as ``cdk deploy --hotswap`` does."""
