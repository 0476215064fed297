"""AWS CloudFormation: the events of stacks, and what is added to MiniStack's provisioning."""
