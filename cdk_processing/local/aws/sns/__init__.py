"""Amazon SNS: topics held to their policies and keys."""
