"""AWS CloudFormation: the events of stacks, and extensions of MiniStack's provisioning."""
