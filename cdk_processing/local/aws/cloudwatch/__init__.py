"""Amazon CloudWatch: the metrics of services, and alarms."""
