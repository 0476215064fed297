"""AWS KMS: keys that other services use."""
