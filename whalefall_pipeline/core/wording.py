"""How a difference stands in the change log: for programs as two documents, for people in one line; and back."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Literal, NamedTuple, TypedDict, cast

from whalefall_pipeline.core.diff import ChangeType, Difference, OtherEntry
from whalefall_pipeline.core.model import MEMBER, Grant, Held, Json, Securable
from whalefall_pipeline.core.snapshot import parse_token, spell

DIFF_VERSION = 1
DESCRIBED = 5
"""Items that a line names; more are counted."""

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


class _Spelled(NamedTuple):
    """What is held as a token, and with what it is held on."""

    securable: Securable
    token: str
    phrase: str


class Wording:
    """Spells the differences of a reading's accounts; what many gain or lose is spelled once for all."""

    def __init__(self) -> None:
        self._spell = cache(_spell_held)
        self._to_fields = cache(_to_fields)

    def to_privilege_diff(self, difference: Difference) -> dict[str, Json]:
        """Give gained and lost grants as `privilege_diff`: one entry per action and securable, ordered."""
        gained, lost, optioned = _part(difference)
        granted, revoked = [[self._spell(grant[1:])[:2] for grant in grants] for grants in (gained, lost)]
        for grant in optioned:
            token = OPTION_PREFIXES[grant.privilege == MEMBER] + spell(grant.privilege, effect=grant.effect)
            (granted if grant.grant_option else revoked).append((grant.securable, token))
        entries = [*self._list_entries("GRANT", granted), *self._list_entries("REVOKE", revoked)]
        return {"version": DIFF_VERSION, "entries": cast("list[Json]", entries)}

    def _list_entries(self, action: Action, tokens: Iterable[tuple[Securable, str]]) -> list[PrivilegeEntry]:
        of_securable: dict[Securable, list[str]] = {}
        for securable, token in tokens:
            of_securable.setdefault(securable, []).append(token)
        entries: list[PrivilegeEntry] = []
        for securable in sorted(of_securable):
            name, fields = self._to_fields(securable)
            permissions = sorted(of_securable[securable])
            entries.append({"action": action, "object": name, "permissions": permissions, "securable": fields})
        return entries

    def describe(self, change_type: ChangeType, difference: Difference) -> str:
        """Say a change in one line for people: a few items in full, the others counted.

        Of an account that came or went it says what it holds or held, not its attributes.
        """
        if change_type in ("add", "reactivate", "delete"):
            held, verb = (difference.lost, "held") if change_type == "delete" else (difference.gained, "holds")
            items = self._list_phrases(held)
            return f"{verb} {_join(items)}" if items else f"{verb} nothing"
        gained, lost, optioned = _part(difference)
        items = [
            f"{'gained' if grant.grant_option else 'lost'} the option to pass on {grant.privilege} on {grant.securable}"
            for grant in sorted(optioned)
        ]
        items += [f"granted {phrase}" for phrase in self._list_phrases(gained)]
        items += [f"revoked {phrase}" for phrase in self._list_phrases(lost)]
        items += [f"{entry['field']}: {_say(entry['before'])} -> {_say(entry['after'])}" for entry in difference.other]
        return _join(items)

    def _list_phrases(self, grants: Collection[Grant]) -> list[str]:
        return sorted([self._spell(grant[1:]).phrase for grant in grants])


def _spell_held(held: Held) -> _Spelled:
    privilege, securable, grant_option, effect = held
    token = spell(privilege, grant_option=grant_option, effect=effect)
    return _Spelled(securable, token, f"{token} on {securable}")


def _to_fields(securable: Securable) -> tuple[str, dict[str, str]]:
    """Give a securable in words, and its fields that are not empty."""
    return str(securable), {name: value for name, value in securable._asdict().items() if value}


def _part(difference: Difference) -> tuple[Collection[Grant], Collection[Grant], Collection[Grant]]:
    """Give what was gained, what was lost, and the gained grants of which a lost one differs in its option alone."""
    gained, lost, _ = difference
    if not gained or not lost:
        return gained, lost, ()
    optioned = frozenset(grant for grant in gained if _twin(grant) in lost)
    return gained - optioned, lost - {_twin(grant) for grant in optioned}, optioned


def _twin(grant: Grant) -> Grant:
    return grant._replace(grant_option=not grant.grant_option)


def _join(items: Sequence[str]) -> str:
    more = len(items) - DESCRIBED
    return "; ".join(items[:DESCRIBED]) + (f"; and {more} more" if more > 0 else "")


def _say(value: Json) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def to_other_diff(difference: Difference) -> dict[str, Json]:
    """Spell changed attributes as the log's `other_diff`."""
    return {"version": DIFF_VERSION, "entries": cast("list[Json]", list(difference.other))}


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
