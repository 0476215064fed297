"""``cdk-processing local``: what it starts, watches and shows."""
