"""A request and how it is launched, as a Step Functions state machine in JSONata. Pure Python."""
