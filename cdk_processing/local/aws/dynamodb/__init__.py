"""Amazon DynamoDB: condition keys that MiniStack does not fill."""
