"""The IAM statements that a job needs, derived from its declaration. Pure Python; ARNs may be CDK tokens."""
