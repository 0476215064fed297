"""Amazon SNS: enforces the policies and keys of topics."""
