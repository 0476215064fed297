"""The embedded AWS: runs a deployed app on this machine, IAM included, without an account and without Docker."""
