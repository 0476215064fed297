"""Turns a processing request and its launch settings into a Step Functions state machine in JSONata. Pure Python."""
