"""Amazon CloudWatch: what services measure, and alarms."""
