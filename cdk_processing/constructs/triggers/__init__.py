"""What launches a job: one file a trigger; each binds itself to a job."""
