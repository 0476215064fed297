"""AWS IAM and STS: principals, trust, assumed roles, and permissions on keys."""
