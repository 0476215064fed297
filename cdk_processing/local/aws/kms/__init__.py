"""AWS KMS: keys as other services see them."""
