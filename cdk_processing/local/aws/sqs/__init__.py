"""Amazon SQS: queues that other services use."""
