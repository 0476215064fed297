"""Amazon ECR: repositories with a registry on loopback, which the CDK pushes image assets to."""
