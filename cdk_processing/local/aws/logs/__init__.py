"""Amazon CloudWatch Logs: the events of log streams, in files."""
