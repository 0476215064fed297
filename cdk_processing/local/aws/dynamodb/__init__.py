"""Amazon DynamoDB: encryption keys of tables, and a condition key that MiniStack does not set."""
