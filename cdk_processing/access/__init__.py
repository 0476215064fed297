"""The IAM statements that a job needs, worked out from its declaration. Pure Python; ARNs may be CDK tokens."""
