"""Amazon S3: encryption keys of buckets, versions in events, and object bodies in files."""
