"""Amazon EventBridge Scheduler: fires schedules and calls their targets."""
