"""Declarations: processors, channels, run-time values and limits, rendered as CreateProcessingJob. Pure Python."""
