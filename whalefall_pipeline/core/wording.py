"""How a difference stands in the change log: for programs as two documents, for people in one line; and back."""

from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from itertools import chain, islice
from typing import Literal, NamedTuple, TypedDict, cast

from whalefall_pipeline.core.diff import AttributeChange, ChangeType, Difference
from whalefall_pipeline.core.made import Made
from whalefall_pipeline.core.model import MEMBER, SETS, Effect, Held, Json
from whalefall_pipeline.core.snapshot import PREFIXES, to_token

DIFF_VERSION = 1
DESCRIBED = 5
"""Items that a line names; more are counted."""

Action = Literal["GRANT", "REVOKE"]
EFFECTS: tuple[Effect, ...] = ("grant", "deny", "revoke")
GAINED: Mapping[Effect, str] = {"grant": "granted ", "deny": "denied ", "revoke": "revoked "}
"""What happened where an account gained a privilege of this effect: a revoke that stands by itself takes away."""
LOST: Mapping[Effect, str] = {"grant": "revoked ", "deny": "no longer denied ", "revoke": "granted again "}
ALL: Mapping[str, Mapping[Effect, str]] = {
    auxiliary: {"grant": "", "deny": f"{auxiliary} denied ", "revoke": f"{auxiliary} revoked "}
    for auxiliary in ("is", "was")
}
"""The same of all that an account holds or held, after which grants need no verb."""
OPTION_VERBS: Mapping[Effect, tuple[str, str]] = {
    "grant": ("gained", "lost"),
    "deny": ("denied", "no longer denied"),
    "revoke": ("revoked", "granted again"),
}
"""The same where only the option to pass a privilege on came, or went."""
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


class _KeyedToken(NamedTuple):
    """What is held as a token, and a text of what it is held on: ordered as securables are, and quicker to compare."""

    token: str
    key: str


class _Named(NamedTuple):
    """A securable in words, and its fields that are not empty."""

    name: str
    fields: dict[str, str]


class _Phrase(NamedTuple):
    """One privilege as a line names it, without the verb of its effect."""

    effect: Effect
    text: str


class Wording:
    """Puts the differences of a reading's accounts; what many gain or lose is spelled once for all.

    It refers to itself nowhere, so what it keeps is freed with it, and not only when Python looks for cycles.
    """

    def __init__(self) -> None:
        named: dict[str, _Named] = {}  # filled as privileges are spelled, each of which is so once
        keyed_tokens = Made(partial(_to_keyed_token, named))
        self._list_entries = lru_cache(SETS)(partial(_list_entries, keyed_tokens, named))
        self._phrases: dict[str, _Phrase] = {}  # by their place in a line; filled as places are found
        self._places = Made(partial(_to_place, keyed_tokens, named, self._phrases))

    def to_privilege_diff(self, difference: Difference) -> dict[str, Json]:
        """Return gained and lost grants as `privilege_diff`: one entry per action and securable, ordered."""
        gained, lost, optioned = _part(difference)
        entries = [
            *self._list_entries("GRANT", gained, frozenset(item for item in optioned if item.grant_option)),
            *self._list_entries("REVOKE", lost, frozenset(item for item in optioned if not item.grant_option)),
        ]
        return {"version": DIFF_VERSION, "entries": cast("list[Json]", entries)}

    def describe(self, change_type: ChangeType, difference: Difference) -> str:
        """Describe a change in one line for people: a few items in full, the others counted.

        Of an account that came or went it says what it holds or held, not its attributes.
        """
        gained, lost, optioned = _part(difference)
        if change_type in ("add", "reactivate"):
            return self._describe_all("holds", "is", gained)
        if change_type == "delete":
            return self._describe_all("held", "was", lost)
        items = chain(
            map(_describe_option, sorted(optioned)),
            self._list_phrases(gained, GAINED),
            self._list_phrases(lost, LOST),
            map(_describe_change, difference.other),
        )
        return _join(items, len(optioned) + len(gained) + len(lost) + len(difference.other))

    def _describe_all(self, verb: str, auxiliary: str, held: frozenset[Held]) -> str:
        """Describe all that an account holds or held: its grants first, then what it is or was denied or revoked."""
        text = _join(self._list_phrases(held, ALL[auxiliary]), len(held))
        return f"{verb} {text}" if not held or any(item.effect == "grant" for item in held) else text

    def _list_phrases(self, held: frozenset[Held], verbs: Mapping[Effect, str]) -> list[str]:
        """Return phrases of as many privileges as a line names, each after its effect's verb; no token has the effect.

        Grants come first.
        """
        places = sorted(map(self._places.__getitem__, held))[:DESCRIBED]
        return [verbs[effect] + text for effect, text in map(self._phrases.__getitem__, places)]


def _list_entries(
    keyed_tokens: Mapping[Held, _KeyedToken],
    named: Mapping[str, _Named],
    action: Action,
    held: frozenset[Held],
    optioned: frozenset[Held],
) -> list[PrivilegeEntry]:
    """Return the entries of one action; of the `optioned` it is the option alone that was gained or lost."""
    tokens: dict[str, list[str]] = {}
    for token, key in map(keyed_tokens.__getitem__, held):
        of_one = tokens.get(key)
        if of_one is None:
            tokens[key] = [token]
        else:
            of_one.append(token)
    for item in optioned:
        token = OPTION_PREFIXES[item.privilege == MEMBER] + to_token(item.privilege, effect=item.effect)
        tokens.setdefault(keyed_tokens[item].key, []).append(token)
    entries: list[PrivilegeEntry] = []
    for key in sorted(tokens):
        name, fields = named[key]
        entries.append({"action": action, "object": name, "permissions": sorted(tokens[key]), "securable": fields})
    return entries


def _to_keyed_token(named: dict[str, _Named], held: Held) -> _KeyedToken:
    """Return one privilege as a token, and name what it is held on."""
    privilege, securable, grant_option, effect = held
    key = "\0".join(securable)
    if key not in named:
        named[key] = _Named(str(securable), {name: value for name, value in securable._asdict().items() if value})
    return _KeyedToken(to_token(privilege, grant_option=grant_option, effect=effect), key)


def _to_place(
    keyed_tokens: Mapping[Held, _KeyedToken],
    named: Mapping[str, _Named],
    phrases: dict[str, _Phrase],
    held: Held,
) -> str:
    """Return a text by which privileges are in order, and keep the phrase of this one by it.

    By effect, grants first, then by what it is held on, then by its token; no name holds the zero between them.
    """
    token, key = keyed_tokens[held]
    effect = held.effect
    place = f"{EFFECTS.index(effect)}{key}\0{token}"
    phrases[place] = _Phrase(effect, f"{token.removeprefix(PREFIXES[effect])} on {named[key].name}")
    return place


def _part(difference: Difference) -> tuple[frozenset[Held], frozenset[Held], frozenset[Held]]:
    """Return what was gained, what was lost, and of what was gained that of which only the option is new or gone."""
    gained, lost, _ = difference
    if not gained or not lost:
        return gained, lost, frozenset()
    optioned = frozenset(item for item in gained if _twin(item) in lost)
    return gained - optioned, lost - {_twin(item) for item in optioned}, optioned


def _twin(item: Held) -> Held:
    return item._replace(grant_option=not item.grant_option)


def _describe_option(item: Held) -> str:
    verb = OPTION_VERBS[item.effect][not item.grant_option]
    return f"{verb} the option to pass on {item.privilege} on {item.securable}"


def _describe_change(change: AttributeChange) -> str:
    return f"{change.field}: {_to_text(change.before)} -> {_to_text(change.after)}"


def describe_attributes(difference: Difference) -> str:
    """Describe in one line which attributes changed, a few in full and the others counted."""
    return _join(map(_describe_change, difference.other), len(difference.other))


def _join(items: Iterable[str], count: int) -> str:
    """Join the first of so many items, and count the others."""
    if not count:
        return "nothing"
    more = count - DESCRIBED
    return "; ".join(islice(items, DESCRIBED)) + (f"; and {more} more" if more > 0 else "")


def _to_text(value: Json) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def to_other_diff(difference: Difference) -> dict[str, Json]:
    """Return changed attributes as the log's `other_diff`."""
    entries: list[Json] = [
        {"field": name, "before": before, "after": after} for name, before, after in difference.other
    ]
    return {"version": DIFF_VERSION, "entries": entries}
