"""The session of ``cdk-processing local``: starts the embedded AWS, watches files and runs, and shows them."""
