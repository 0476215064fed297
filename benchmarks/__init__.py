"""What `make bench` measures: one file a benchmark, each with the budget it is held to."""
