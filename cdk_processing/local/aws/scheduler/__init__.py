"""Amazon EventBridge Scheduler: when schedules are due, and what they call."""
