"""Admission of runs that need the folders of several sources: the last marker launches the run.

An item of the table holds the folders that have come, one attribute for each source. Each marker's execution adds its
own and gets the whole item back. DynamoDB makes the changes of an item one after the other. So at least one execution
sees all folders: the one whose change was the last. All that see them have the same run key, so they make one job. A
folder that is there already stays as it is: whoever comes later, or again, reads the same folders.

```
Admit --> AddFolder --> JudgeFolders -- all are there --> on to the job
                                     -- some are missing --> Waiting
```
"""

from __future__ import annotations

from typing import Any

from cdk_processing.contract.outcome import MISSING_FIELD, WAITING
from cdk_processing.workflow.admission import Admission, Gate
from cdk_processing.workflow.failures import caught
from cdk_processing.workflow.items import EXPIRES, update_item
from cdk_processing.workflow.jsonata import expression, quoted
from cdk_processing.workflow.paths import FOLDER, FOLDERS

__all__ = ["FOLDERS_OF_SOURCES", "KEPT_DAYS"]

#: Days for which the folders of a run are kept after its last marker. A failed run can be redriven for 90 days after
#: its end, as long as Step Functions keeps it.
KEPT_DAYS = 180

# The field of ``$run`` with the folder of the run's own marker.
_OWN_FOLDER = "source_folder"
# The prefix keeps a source's name apart from the item's other attributes.
_ATTRIBUTE = "folder_"
_COME = f"""$merge($map($run.sources, function($source) {{
    {{$source: $lookup($states.result.Attributes, {quoted(_ATTRIBUTE)} & $source).S}}
}}))"""
_MISSING = f"[$run.sources[$not($exists($lookup($run.{FOLDERS}, $)))]]"


def _states(gate: Gate) -> dict[str, Any]:
    add = update_item(
        gate.partition,
        gate.table,
        # The run id contains the job's identity.
        f"{quoted(f'{gate.owner}#folders#')} & $run.id",
        update=f"SET #source = if_not_exists(#source, :folder), {EXPIRES} = :expires",
        values={
            ":folder": {"S": expression(f"$run.{_OWN_FOLDER}")},
            ":expires": {"N": expression(f"$string($floor($millis() / 1000) + {KEPT_DAYS * 86_400})")},
        },
        names={"#source": expression(f"{quoted(_ATTRIBUTE)} & $run.source")},
        returned="ALL_NEW",
    )
    return {
        "AddFolder": {
            **add,
            "Catch": caught("SendDeadLetter"),
            "Assign": {"run": expression(f"$merge([$run, {{{quoted(FOLDERS)}: {_COME}}}])")},
            "Next": "JudgeFolders",
        },
        "JudgeFolders": {
            "Type": "Choice",
            "Choices": [{"Condition": expression(f"$count({_MISSING}) = 0"), "Next": gate.admitted}],
            "Default": "Waiting",
        },
        "Waiting": {"Type": "Succeed", "Output": {**gate.refused(WAITING), MISSING_FIELD: expression(_MISSING)}},
    }


#: A run whose folders have not all come ends as ``Waiting``.
FOLDERS_OF_SOURCES = Admission(
    name="folders",
    # A run with a problem goes on, and fails with it where that is not tried again.
    entries=(("$exists($run.source) and $not($exists($run.problem))", "AddFolder"),),
    states=_states,
    run_fields={"source": "$read.source", "sources": "$read.sources", _OWN_FOLDER: f"$exists($read.source) ? {FOLDER}"},
    keeps_items=True,
)
