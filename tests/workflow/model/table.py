"""A DynamoDB table as far as a definition of ours needs one; refuses what it does not understand.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html
"""

import json
import re
from decimal import Decimal

_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),+-]|\[[0-9]+\]|[#:]?[A-Za-z_][A-Za-z0-9_.\-#]*)")


class ConditionFailedError(Exception):
    """ConditionalCheckFailedException."""


class Table:
    """Items by their key."""

    def __init__(self):
        self.items = {}
        self._before = {}

    def get(self, request, *, stale=False):
        """GetItem; ``stale`` is what an eventually consistent read may see: the item before its last change."""
        _only(request, "TableName", "Key", "ConsistentRead", "ProjectionExpression", "ExpressionAttributeNames")
        key = _key(request)
        items = self._before if stale and not request.get("ConsistentRead") else self.items
        item = items.get(key)
        return {} if item is None else {"Item": dict(item)}

    def update(self, request):
        """UpdateItem."""
        _only(request, "TableName", "Key", "UpdateExpression", *_CONDITION, "ReturnValues")
        key = _key(request)
        item = self.items.get(key)
        self._require(request, item)
        old = {**request["Key"], **(item or {})}
        update = _Update(request, old)
        new = update.run(request["UpdateExpression"])
        self._before = dict(self.items)
        self.items[key] = new
        returned = request.get("ReturnValues", "NONE")
        answers = {
            "NONE": None,
            "ALL_NEW": new,
            "ALL_OLD": item,
            "UPDATED_NEW": {name: new[name] for name in update.touched if name in new},
            "UPDATED_OLD": {name: old[name] for name in update.touched if name in old},
        }
        return {"Attributes": dict(answers[returned])} if answers[returned] else {}

    def _require(self, request, item):
        if "ConditionExpression" in request and not _Condition(request, item or {}).run(request["ConditionExpression"]):
            raise ConditionFailedError


_CONDITION = (
    "ConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ReturnValuesOnConditionCheckFailure",
)


class _Parser:
    def __init__(self, request, item):
        self._names = request.get("ExpressionAttributeNames", {})
        self._values = request.get("ExpressionAttributeValues", {})
        self._item, self._tokens = item, []
        for value in self._values.values():
            _plain(value)

    def _read(self, text):
        end = 0
        while text[end:].strip():
            match = _TOKEN.match(text, end)
            assert match, f"not understood: {text[end:]!r} of {text!r}"
            self._tokens.append(match[1])
            end = match.end()

    def _peek(self):
        return self._tokens[0] if self._tokens else ""

    def _take(self, wanted=None):
        assert self._tokens, f"ends where {wanted or 'more'} is wanted"
        assert wanted is None or self._peek().upper() == wanted, f"{self._peek()} where {wanted} is wanted"
        return self._tokens.pop(0)

    def _name(self):
        token = self._take()
        assert token[0] != ":", f"{token} is no attribute"
        assert "." not in token, f"{token}: paths into an attribute are not understood"
        return self._names[token] if token[0] == "#" else token

    def _operand(self):
        """An attribute value, or None for an attribute that is not there."""
        token = self._peek()
        if token[0] == ":":
            return self._values[self._take()]
        return self._element(self._item, *self._path())

    def _path(self):
        """An attribute's name, and the place in its list, or None for the attribute itself."""
        name = self._name()
        return name, int(self._take()[1:-1]) if self._peek().startswith("[") else None

    @staticmethod
    def _element(item, name, place):
        if place is None or name not in item:
            return item.get(name)
        elements = item[name]["L"]
        return elements[place] if place < len(elements) else None

    def _operands(self):
        found = [self._operand()]
        while self._peek() == ",":
            self._take()
            found.append(self._operand())
        return found

    def _inside(self, read):
        self._take("(")
        found = read()
        self._take(")")
        return found


class _Condition(_Parser):
    def run(self, text):
        self._read(text)
        holds = self._any()
        assert not self._tokens, f"left over of {text!r}: {self._tokens}"
        return holds

    def _any(self):
        holds = self._all()
        while self._peek().upper() == "OR":
            self._take()
            holds = self._all() or holds
        return holds

    def _all(self):
        holds = self._not()
        while self._peek().upper() == "AND":
            self._take()
            holds = self._not() and holds
        return holds

    def _not(self):
        if self._peek().upper() == "NOT":
            self._take()
            return not self._not()
        if self._peek() == "(":
            return self._inside(self._any)
        if self._peek() in ("attribute_exists", "attribute_not_exists"):
            exists = self._take() == "attribute_exists"
            return (self._element(self._item, *self._inside(self._path)) is not None) == exists
        if self._peek() == "contains":
            self._take()
            return self._inside(self._contains)
        left = self._operand()
        sign = self._take()
        if sign.upper() == "IN":
            return any(_compare(left, "=", right) for right in self._inside(self._operands))
        if sign.upper() == "BETWEEN":
            low = self._operand()
            self._take("AND")
            high = self._operand()
            return _compare(left, ">=", low) and _compare(left, "<=", high)
        return _compare(left, sign, self._operand())

    def _contains(self):
        searched = self._operand()
        self._take(",")
        wanted = self._operand()
        if searched is None:
            return False
        assert set(searched) == {"L"}, f"contains() of {searched} is not understood"
        return wanted in searched["L"]


class _Update(_Parser):
    def run(self, text):
        self._read(text)
        self.touched = set()
        changed = dict(self._item)
        while self._tokens:
            clause = self._take().upper()
            do = {"SET": self._set, "REMOVE": self._remove, "ADD": self._add}[clause]
            do(changed)
            while self._peek() == ",":
                self._take()
                do(changed)
        return changed

    def _set(self, changed):
        name = self._name()
        self._take("=")
        value = self._value()
        while self._peek() in ("+", "-"):
            sign = 1 if self._take() == "+" else -1
            value = _number(Decimal(_plain(value)) + sign * Decimal(_plain(self._value())))
        assert value is not None, f"SET {name} to an attribute that is not there"
        self.touched.add(name)
        changed[name] = value

    def _value(self):
        if self._peek() == "if_not_exists":
            self._take()
            return self._inside(self._if_not_exists)
        if self._peek() == "list_append":
            self._take()
            return self._inside(self._list_append)
        return self._operand()

    def _list_append(self):
        first = self._value()
        self._take(",")
        return {"L": [*first["L"], *self._value()["L"]]}

    def _if_not_exists(self):
        name = self._name()
        self._take(",")
        otherwise = self._operand()
        return self._item.get(name, otherwise)

    def _remove(self, changed):
        name, place = self._path()
        self.touched.add(name)
        if place is None:
            changed.pop(name, None)
        elif self._element(changed, name, place) is not None:
            changed[name] = {"L": [each for at, each in enumerate(changed[name]["L"]) if at != place]}

    def _add(self, changed):
        name = self._name()
        added = self._operand()
        self.touched.add(name)
        changed[name] = _number(Decimal(_plain(changed.get(name, {"N": "0"}))) + Decimal(_plain(added)))


def _compare(left, sign, right):
    if left is None or right is None:
        return sign == "<>" and left is not right
    if set(left) != set(right):
        return sign == "<>"
    a, b = _plain(left), _plain(right)
    if isinstance(a, str):
        a, b = a.encode(), b.encode()
    assert sign in ("=", "<>") or not isinstance(a, (bool, list)), f"{sign} of {a!r}"
    return {"=": a == b, "<>": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[sign]


def _plain(value):
    """What an attribute value holds: text, number, boolean, or a list of those."""
    ((kind, content),) = value.items()
    if kind == "L":
        return [_plain(each) for each in content]
    assert kind in ("S", "N", "BOOL"), f"the type {kind} is not understood"
    assert isinstance(content, bool if kind == "BOOL" else str), f"{kind} holds {content!r}"
    return Decimal(content) if kind == "N" else content


def _number(value):
    return {"N": str(value)}


def _key(request):
    return json.dumps([request["TableName"], request["Key"]], sort_keys=True)


def _only(request, *fields):
    assert not set(request) - set(fields), f"not understood: {sorted(set(request) - set(fields))}"
