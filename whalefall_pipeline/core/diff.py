"""How two states of an account differ, and the same difference applied again.

A difference is made only of what was observed: `core.unseen` first puts back what a reading could not see.
"""

from typing import Literal, NamedTuple

from whalefall_pipeline.core.model import AccountState, Attributes, Held, Json

KIND_FIELD = "account_kind"

ChangeType = Literal["add", "modify_privilege", "modify_other", "delete", "reactivate"]
InstanceChangeType = Literal["modify_instance", "replace_instance"]
"""What the log says of an instance itself: it is set to something else, or another server answers."""


class AttributeChange(NamedTuple):
    """One account attribute's values; an attribute that is not there is None."""

    field: str
    before: Json
    after: Json


class Difference(NamedTuple):
    """What turns one state of an account into another: privileges gained and lost, attributes before and after."""

    gained: frozenset[Held] = frozenset()
    lost: frozenset[Held] = frozenset()
    other: tuple[AttributeChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.gained or self.lost or self.other)

    @property
    def change_type(self) -> ChangeType:
        """The log's word for a difference between two readings of an account that was there in both."""
        return "modify_privilege" if self.gained or self.lost else "modify_other"


def diff(before: AccountState | None, after: AccountState | None) -> Difference:
    """Compare two states of one account; None is an account that is not there, with nothing held and no attributes."""
    if before is None and after is not None:
        values = _attributes(after)
        other = tuple([AttributeChange(name, None, values[name]) for name in sorted(values)])
        return Difference(gained=after.held, other=other)
    old = before.held if before else frozenset[Held]()
    new = after.held if after else frozenset[Held]()
    gained, lost = (new - old, old - new) if old else (new, old)
    return Difference(gained, lost, diff_attributes(_attributes(before), _attributes(after)))


def _attributes(state: AccountState | None) -> dict[str, Json]:
    if state is None:
        return {}
    account = state.account
    attributes = account.attributes
    if None in attributes.values():
        attributes = {name: value for name, value in attributes.items() if value is not None}
    return {KIND_FIELD: str(account.kind), **attributes}


def diff_attributes(before: Attributes, after: Attributes) -> tuple[AttributeChange, ...]:
    """Compare the attributes of an account or an instance, ordered by name."""
    pairs = [(name, before.get(name), after.get(name)) for name in sorted(before.keys() | after.keys())]
    return tuple([AttributeChange(name, old, new) for name, old, new in pairs if old != new])
