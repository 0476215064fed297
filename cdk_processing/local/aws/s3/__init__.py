"""Amazon S3: keys of buckets, and versions in events."""
