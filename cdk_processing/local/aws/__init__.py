"""What MiniStack lacks or does otherwise than AWS (roles, keys, targets, schedules), and the door to its internals."""
