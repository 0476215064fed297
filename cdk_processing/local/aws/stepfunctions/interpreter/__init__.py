"""Runs state machines as the States language describes and as AWS's recorded histories show.

MiniStack's own interpreter writes nothing of what lies inside Map and Parallel, has no variables in JSONPath and no
``Assign`` in most states, and names other errors. So this package replaces it.

* ``machine``: from state to state, to the end of a machine;
* ``state``: a state that was entered, its errors and its outcome;
* ``simple_states``, ``choices``, ``waits``, ``tasks``, ``parallel``, ``maps``, ``distributed``: one kind of state each;
* ``item_readers``, ``result_writers``: the data of a Distributed Map in S3;
* ``retries``: ``Retry`` and ``Catch``;
* ``branches``: several machines at once, in the order of AWS's histories;
* ``paths``, ``intrinsics``, ``templates``: JSONPath; ``expressions``: JSONata;
* ``dataflow``: from a state's input to its output.
"""
