"""Whole CDK programs, each run in a process of its own: `python -m benchmarks.programs.<name> [count]`."""
