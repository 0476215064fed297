"""Admission of new objects: a run is superseded if a newer version of its object is already recorded.

```
Admit --> RecordNewest --> on to the job
               | a newer one is recorded
          JudgeNewest --> Superseded
```
"""

from __future__ import annotations

from typing import Any

from cdk_processing.contract.outcome import SUPERSEDED
from cdk_processing.workflow.admission import Admission, Gate
from cdk_processing.workflow.failures import caught
from cdk_processing.workflow.items import update_item, when_condition_failed
from cdk_processing.workflow.jsonata import expression, quoted
from cdk_processing.workflow.launches import ARRIVED_SEQUENCER, ARRIVED_URI

__all__ = ["NEWEST_ONLY"]

_MONTH_SECONDS = 30 * 86_400


def _states(gate: Gate) -> dict[str, Any]:
    item = f"{quoted(f'{gate.owner}#newest#')} & $hash({gate.identity} & $run.object, 'MD5')"
    record = update_item(
        gate.partition,
        gate.table,
        item,
        update="SET newest = :mine, expires = :expires",
        # If they are equal, the event is a duplicate. The job's name detects that.
        condition="attribute_not_exists(newest) OR newest <= :mine",
        values={
            ":mine": {"S": expression("$run.sequencer")},
            ":expires": {"N": expression(f"$string($floor($millis() / 1000) + {_MONTH_SECONDS})")},
        },
    )
    return {
        "RecordNewest": {**record, "Catch": caught("JudgeNewest"), "Next": gate.admitted},
        "JudgeNewest": when_condition_failed("Superseded"),
        "Superseded": {"Type": "Succeed", "Output": gate.refused(SUPERSEDED)},
    }


#: A run whose event is older than the newest known event of its key ends as ``Superseded``.
NEWEST_ONLY = Admission(
    name="newest",
    entries=(("$exists($run.sequencer)", "RecordNewest"),),
    states=_states,
    run_fields={"object": "$read.object", "sequencer": "$read.sequencer"},
    event_fields={"object": ARRIVED_URI, "sequencer": ARRIVED_SEQUENCER},
    keeps_items=True,
)
