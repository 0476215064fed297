"""The CDK side: constructs that turn declarations into CloudFormation resources."""
