"""How two states of an account differ, in the change log's own form, and the same difference applied again.

A difference is made only of what was observed: `carry_unseen` first puts back what a reading could not see.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypedDict, cast

from whalefall_pipeline.core.model import (
    MEMBER,
    Account,
    AccountState,
    Coverage,
    Grant,
    Json,
    Kind,
    Securable,
    is_observed,
)
from whalefall_pipeline.core.rules import Rules
from whalefall_pipeline.core.snapshot import parse_token, to_token

DIFF_VERSION = 1
KIND_FIELD = "account_kind"
DESCRIBED = 5

ChangeType = Literal["add", "modify_privilege", "modify_other", "delete", "reactivate"]
Action = Literal["GRANT", "REVOKE"]
OPTION_PREFIXES = ("GRANT OPTION FOR ", "ADMIN OPTION FOR ")
"""Before the token of a privilege, of a membership, that stays as it is while its option is gained or lost."""


class PrivilegeEntry(TypedDict):
    """Tokens gained (GRANT) or lost (REVOKE) on one securable; `object` says it in words, `securable` in fields.

    What only gained or lost its option is one token, in SQL's own words: `GRANT OPTION FOR SELECT`.
    """

    action: Action
    object: str
    permissions: list[str]
    securable: dict[str, str]


class OtherEntry(TypedDict):
    """One account attribute's values; an attribute that is not there is null."""

    field: str
    before: Json
    after: Json


@dataclass(frozen=True, slots=True)
class Difference:
    """What turns one state of an account into another: grants gained and lost, attributes before and after."""

    gained: frozenset[Grant] = frozenset()
    lost: frozenset[Grant] = frozenset()
    other: tuple[OtherEntry, ...] = field(default=())

    def __bool__(self) -> bool:
        return bool(self.gained or self.lost or self.other)

    @property
    def change_type(self) -> ChangeType:
        """The log's word for a difference between two readings of an account that was there in both."""
        return "modify_privilege" if self.gained or self.lost else "modify_other"


def diff(before: AccountState | None, after: AccountState | None) -> Difference:
    """Compare two states of one account; None is an account that is not there, with no grants and no attributes."""
    old = before.grants if before else frozenset[Grant]()
    new = after.grants if after else frozenset[Grant]()
    return Difference(new - old, old - new, tuple(_diff_attributes(_attributes(before), _attributes(after))))


def apply(difference: Difference, before: AccountState | None, username: str) -> AccountState:
    """Give the state that a difference leads to. A law: `apply(diff(a, b), a)` equals b."""
    attributes = _attributes(before)
    for entry in difference.other:
        attributes[entry["field"]] = entry["after"]
    kind = Kind(cast("str", attributes.pop(KIND_FIELD)))
    present = {name: value for name, value in attributes.items() if value is not None}
    old = before.grants if before else frozenset[Grant]()
    return AccountState(Account(username, kind, present), (old - difference.lost) | difference.gained)


def _attributes(state: AccountState | None) -> dict[str, Json]:
    if state is None:
        return {}
    present = {name: value for name, value in state.account.attributes.items() if value is not None}
    return {KIND_FIELD: state.account.kind.value, **present}


def _diff_attributes(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterable[OtherEntry]:
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield OtherEntry(field=name, before=before.get(name), after=after.get(name))


def to_privilege_diff(difference: Difference) -> dict[str, Json]:
    """Spell gained and lost grants as the log's `privilege_diff`: one entry per action and securable, ordered."""
    tokens: dict[tuple[Action, Securable], list[str]] = {}
    for action, securable, token in _list_tokens(difference):
        tokens.setdefault((action, securable), []).append(token)
    entries = [
        PrivilegeEntry(
            action=action,
            object=str(securable),
            permissions=sorted(tokens[action, securable]),
            securable={name: value for name, value in zip(Securable._fields, securable, strict=True) if value},
        )
        for action, securable in sorted(tokens)
    ]
    return {"version": DIFF_VERSION, "entries": cast("list[Json]", entries)}


def _list_tokens(difference: Difference) -> Iterable[tuple[Action, Securable, str]]:
    optioned = _find_option_changes(difference)
    for grant in difference.gained - optioned:
        yield "GRANT", grant.securable, to_token(grant)
    for grant in difference.lost - {_twin(grant) for grant in optioned}:
        yield "REVOKE", grant.securable, to_token(grant)
    for grant in optioned:
        token = OPTION_PREFIXES[grant.privilege == MEMBER] + to_token(grant._replace(grant_option=False))
        yield "GRANT" if grant.grant_option else "REVOKE", grant.securable, token


def _find_option_changes(difference: Difference) -> frozenset[Grant]:
    """Give the gained grants of which a lost one differs in its option alone."""
    if not difference.lost:
        return frozenset()
    return frozenset(grant for grant in difference.gained if _twin(grant) in difference.lost)


def _twin(grant: Grant) -> Grant:
    return grant._replace(grant_option=not grant.grant_option)


def to_other_diff(difference: Difference) -> dict[str, Json]:
    """Spell changed attributes as the log's `other_diff`."""
    return {"version": DIFF_VERSION, "entries": cast("list[Json]", list(difference.other))}


def describe(change_type: ChangeType, difference: Difference) -> str:
    """Say a change in one line for people: a few items in full, the others counted.

    Of an account that came or went it says what it holds or held, not its attributes.
    """
    if change_type in ("add", "reactivate", "delete"):
        held, verb = (difference.lost, "held") if change_type == "delete" else (difference.gained, "holds")
        items = [f"{to_token(grant)} on {grant.securable}" for grant in sorted(held)[:DESCRIBED]]
        return f"{verb} {_join(items, len(held))}" if items else f"{verb} nothing"
    items = _list_items(difference)
    return _join(items, len(items))


def _list_items(difference: Difference) -> list[str]:
    changed = _find_option_changes(difference)
    items = [
        f"{'gained' if grant.grant_option else 'lost'} the option to pass on {grant.privilege} on {grant.securable}"
        for grant in sorted(changed)
    ]
    items += [f"granted {to_token(grant)} on {grant.securable}" for grant in sorted(difference.gained - changed)]
    rest = difference.lost - {_twin(grant) for grant in changed}
    items += [f"revoked {to_token(grant)} on {grant.securable}" for grant in sorted(rest)]
    items += [f"{entry['field']}: {_say(entry['before'])} -> {_say(entry['after'])}" for entry in difference.other]
    return items


def _join(items: Sequence[str], number: int) -> str:
    more = number - DESCRIBED
    return "; ".join(items[:DESCRIBED]) + (f"; and {more} more" if more > 0 else "")


def _say(value: Json) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def to_difference(
    username: str, privilege_diff: Mapping[str, Json] | None, other_diff: Mapping[str, Json] | None
) -> Difference:
    """Read a difference back from a log entry's two documents."""
    gained, lost = set[Grant](), set[Grant]()
    for entry in cast("list[PrivilegeEntry]", (privilege_diff or {}).get("entries", [])):
        given, taken = (gained, lost) if entry["action"] == "GRANT" else (lost, gained)
        for token in entry["permissions"]:
            grant, is_option = _parse_entry_token(token, username, Securable(**entry["securable"]))
            given.add(_twin(grant) if is_option else grant)
            if is_option:
                taken.add(grant)
    other = cast("list[OtherEntry]", (other_diff or {}).get("entries", []))
    return Difference(frozenset(gained), frozenset(lost), tuple(other))


def _parse_entry_token(token: str, username: str, securable: Securable) -> tuple[Grant, bool]:
    """Give a token's grant, and whether it is the grant's option alone that the token speaks of."""
    prefix = next((prefix for prefix in OPTION_PREFIXES if token.startswith(prefix)), "")
    privilege, grant_option, effect = parse_token(token.removeprefix(prefix))
    return Grant(username, privilege, securable, grant_option, effect), bool(prefix)


def carry_unseen(state: AccountState, before: Collection[Grant], coverage: Coverage, rules: Rules) -> AccountState:
    """Keep the earlier grants in scopes that this reading did not observe: not seen is not gone."""
    kept = frozenset(
        grant
        for grant in before
        if not is_observed(rules.observed_by(grant.securable.scope, grant.securable.database), coverage)
    )
    return replace(state, grants=state.grants | kept) if kept else state
