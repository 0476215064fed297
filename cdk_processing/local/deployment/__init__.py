"""From an app to deployed stacks: synthesis, the cloud assembly, assets, CloudFormation."""
