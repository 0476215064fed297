"""The tables of docs/security.md, made from what the library makes: statements, acknowledgements, denials.

Only the reason of each statement is the page's own. A statement that the page does not know has none, and fails.
"""

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from cdk_processing.standards.denials import DENIALS
from cdk_processing.standards.rules import SYNTH_ONLY
from cdk_processing.standards.standards import Standards, rule_names
from tests.compliance.declared import acknowledged_in, checks_in
from tests.least_privilege.written_calls import POLICIES

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
ROLES = {
    "execution": ["execution", "execution, keys by alias", "execution, subnets of a list"],
    "workflow": ["workflow"],
    "start": ["start"],
    "line": ["line"],
}
_NO_REASON = "?"


def sids_in(apps):
    """The ids of all statements that the library writes into roles and their policies, as in the tables."""
    return {
        name_of(statement.sid)
        for app in apps
        for checks in checks_in(app)
        for statements in (*checks.statements.values(), *checks.given.values())
        for statement in statements
    }


def name_of(sid):
    """A statement's id without the number of a further one: ``ListInputs2``."""
    return re.sub(r"\d+$", "", sid)


def statements(role, page):
    """A table of the statements of a role, with the reasons that the page gives."""
    table = page.partition(f"<!-- statements of the {role} role -->")[2].partition("<!-- end")[0]
    reasons = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", table, re.MULTILINE))
    found = defaultdict(lambda: (set(), set()))
    for policy in ROLES[role]:
        for statement in POLICIES[policy]:
            actions, keys = found[name_of(statement["Sid"])]
            actions |= set(_listed(statement["Action"]))
            keys |= {key for conditions in statement.get("Condition", {}).values() for key in conditions}
    rows = [
        (f"`{sid}`", _code(sorted(actions)), _code(sorted(keys)), reasons.get(sid, _NO_REASON))
        for sid, (actions, keys) in found.items()
    ]
    return _table(("statement", "actions", "conditions", "why, and on what"), rows)


def acknowledged_rules(apps):
    """A table of the rules that do not apply to a kind of resource, each with its reason."""
    found = defaultdict(set)
    for app in apps:
        for each in acknowledged_in(app):
            if "[" not in each.rule:
                found[_kind(each.made), each.reason].add(each.rule)
    return _table(
        ("resource", "rules", "reason"),
        [(f"`{kind}`", _code(sorted(rules)), reason) for (kind, reason), rules in sorted(found.items())],
    )


def acknowledged_wildcards(apps):
    """A table of the statements with a wildcard, each with its reason."""
    found = {
        (name_of(statement.sid), statement.wildcard_reason)
        for app in apps
        for checks in checks_in(app)
        for statements in (*checks.statements.values(), *checks.given.values())
        for statement in statements
        if any("*" in resource for resource in statement.resources)
    }
    return _table(("statement", "reason"), [(f"`{sid}`", reason) for sid, reason in sorted(found)])


def denials():
    """A table of the rules of standards: whether they are held at synth alone, or denied at run time too."""
    every = replace(
        Standards.strict(),
        instance_types=["ml.m5.*"],
        subnets=["subnet-1"],
        security_groups=["sg-1"],
        required_tags={"team": ["data"], "cost-center": []},
        regions=["eu-west-1"],
    )
    rows = []
    for rule in rule_names():
        conditions = DENIALS[rule](every) if rule in DENIALS else ()
        keys = sorted({key for each in conditions for tested in each.values() for key in tested})
        assert bool(keys) != (rule in SYNTH_ONLY or rule in ("known_jobs", "pass_role", "private_buckets"))
        presets = [name for name in ("baseline", "strict") if getattr(getattr(Standards, name)(), rule)]
        rows.append((f"`{rule}`", ", ".join(presets) or "-", _code(keys) if keys else "synth only"))
    return _table(("rule", "preset", "condition keys of the denial"), rows)


def tables(apps, page):
    """All tables by the name of their marker in the page."""
    return {
        **{f"statements of the {role} role": statements(role, page) for role in ROLES},
        "rules that do not apply": acknowledged_rules(apps),
        "wildcards": acknowledged_wildcards(apps),
        "denials": denials(),
    }


def with_tables(page, made):
    """The page with these tables between its markers."""
    for name, table in made.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = page.partition(begin)
        _, marker, after = rest.partition(end)
        assert marker, f"the page has no {begin!r} and {end!r}"
        page = f"{before}{begin}\n{table}\n{end}{after}"
    return page


def _kind(made):
    kind = getattr(made, "cfn_resource_type", None)
    return kind if isinstance(kind, str) else "a role that is given"


def _listed(value):
    return [value] if isinstance(value, str) else value


def _code(names):
    return ", ".join(f"`{name}`" for name in names) or "-"


def _table(head, rows):
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
