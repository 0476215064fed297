"""What launches a job: one file for each trigger."""
