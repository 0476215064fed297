"""Amazon SQS: queues as other services see them."""
