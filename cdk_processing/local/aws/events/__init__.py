"""Amazon EventBridge: the default bus, and how rules reach their targets."""
