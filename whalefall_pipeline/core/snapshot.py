"""An account's state as the version-4 snapshot document, its digest, and back.

A privilege is a token: `SELECT`, `SELECT WITH GRANT OPTION`, `DENY SELECT`; of a membership, `MEMBER WITH ADMIN
OPTION`. The document and the state hold the same: `to_state(build_snapshot(state))` gives the state again.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC
from functools import lru_cache, partial
from hashlib import blake2b
from typing import NamedTuple, cast

from whalefall_pipeline.core.made import Made
from whalefall_pipeline.core.model import (
    MEMBER,
    ROLE_SCOPES,
    ROLE_SETS,
    SETS,
    Account,
    AccountState,
    Effect,
    Held,
    Json,
    Kind,
    Membership,
    Securable,
    Unseen,
    is_of_role,
    to_roles,
)
from whalefall_pipeline.core.rules import Category, Rules
from whalefall_pipeline.core.states import find_held

SNAPSHOT_VERSION = 4
UNSEEN_ATTRIBUTES = "attributes_not_observed"
GRANT_OPTION = " WITH GRANT OPTION"
ADMIN_OPTION = " WITH ADMIN OPTION"
PREFIXES: dict[Effect, str] = {"grant": "", "deny": "DENY ", "revoke": "REVOKE "}


def to_token(privilege: str, *, grant_option: bool = False, effect: Effect = "grant") -> str:
    """Return a privilege, its effect and option as one token."""
    option = (ADMIN_OPTION if privilege == MEMBER else GRANT_OPTION) if grant_option else ""
    return f"{PREFIXES[effect]}{privilege}{option}"


def parse_token(token: str) -> tuple[str, bool, Effect]:
    """Return privilege, grant option and effect of a token."""
    effect: Effect = "grant"
    if token.startswith("DENY "):
        effect, token = "deny", token[5:]
    elif token.startswith("REVOKE "):
        effect, token = "revoke", token[7:]
    privilege = token.removesuffix(GRANT_OPTION).removesuffix(ADMIN_OPTION)
    return privilege, privilege != token, effect


def build_snapshot(
    state: AccountState, rules: Rules, *, members: Collection[Membership] = (), unseen: Sequence[Unseen] = ()
) -> dict[str, Json]:
    """Build the version-4 document of one account. See `SnapshotBuilder`."""
    return SnapshotBuilder(rules, {state.account.username: state}, unseen=unseen).build(state, members)


class _Position(NamedTuple):
    """Where a privilege stands in a document: under these keys, in the list of the last one, as this token."""

    keys: tuple[str, ...]
    last: str
    token: str


class SnapshotBuilder:
    """Builds the version-4 documents of a reading's accounts; where a privilege stands in them is found once for all.

    Those of `states` may be asked for. Lists are sorted, so equal states give equal documents.
    """

    def __init__(self, rules: Rules, states: Mapping[str, AccountState], *, unseen: Sequence[Unseen] = ()) -> None:
        self._rules = rules
        self._meta = build_meta(unseen)
        nest = partial(_nest, Made(partial(_find_position, rules)))
        self._of_roles, self._nest_roles = find_held(states, is_of_role), lru_cache(ROLE_SETS)(nest)
        self._wide, self._nest_wide = find_held(states, partial(_is_wide, rules)), lru_cache(SETS)(nest)
        self._nest_narrow = lru_cache(SETS)(nest)
        self._derive = lru_cache(ROLE_SETS)(partial(_derive, rules))

    def build(self, state: AccountState, members: Collection[Membership] = ()) -> dict[str, Json]:
        """Build one account's document; `members` are those of this role."""
        rules = self._rules
        of_roles = state.held & self._of_roles
        categories = self._build_categories(state.held, of_roles)
        own = dict(state.account.attributes)
        for name, attributes in rules.attribute_categories.items():
            categories[name] = {key: own.pop(key) for key in attributes & own.keys()}
        categories.update(_derive(rules, of_roles, members) if members else self._derive(of_roles))
        type_specific: dict[str, Json] = {"account_kind": state.account.kind.value, **own}
        return {
            "version": SNAPSHOT_VERSION,
            "categories": categories,
            "type_specific": {rules.db_type: type_specific},
            "extra": {},
            "errors": [],
            "meta": add_unseen_attributes(self._meta, state.account),
        }

    def _build_categories(self, held: frozenset[Held], of_roles: frozenset[Held]) -> dict[str, Json]:
        """Put what is held in its places, in parts that have no category in common.

        Many accounts have the same roles, or the same on the server and on databases, and share what is built of that
        though they differ in the rest.
        """
        wide = held & self._wide
        narrow = held - of_roles - wide
        return {**self._nest_roles(of_roles), **self._nest_wide(wide), **self._nest_narrow(narrow)}


def build_meta(unseen: Sequence[Unseen]) -> dict[str, Json]:
    """Build the `meta` of all documents of a reading: the scopes that it did not observe."""
    return {"not_observed": [to_json_unseen(item) for item in unseen]} if unseen else {}


def add_unseen_attributes(meta: dict[str, Json], account: Account) -> dict[str, Json]:
    """Name in an account's `meta` the attributes that were not observed: what stands there of them was seen earlier."""
    return {**meta, UNSEEN_ATTRIBUTES: cast("list[Json]", sorted(account.unseen))} if account.unseen else meta


def _is_wide(rules: Rules, held: Held) -> bool:
    """Whether it stands right in its category, as what is held on the server, on a database or one other thing."""
    scope = held.securable.scope
    return scope not in ROLE_SCOPES and len(rules.categories[scope].levels) <= 1


def _derive(rules: Rules, of_roles: frozenset[Held], members: Collection[Membership] = ()) -> dict[str, Json]:
    return rules.derived_categories(to_roles(of_roles), members)


def _nest(positions: Mapping[Held, _Position], held: frozenset[Held]) -> dict[str, Json]:
    """Put what is held in its places; accounts that hold the same share the result."""
    categories: dict[str, Json] = {}
    nodes: dict[tuple[str, ...], dict[str, Json]] = {(): categories}
    unsorted: list[list[str]] = []
    for item in held:
        keys, last, token = positions[item]
        node = nodes.get(keys)
        if node is None:
            node = nodes[keys] = _descend(categories, keys)
        tokens = cast("list[str] | None", node.get(last))
        if tokens is None:
            node[last] = [token]
        else:
            tokens.append(token)
            unsorted.append(tokens)
    for tokens in unsorted:
        tokens.sort()
    return categories


def _find_position(rules: Rules, held: Held) -> _Position:
    privilege, securable, grant_option, effect = held
    name, levels = rules.categories[securable.scope]
    *keys, last = (name, *[cast("str", getattr(securable, level)) for level in levels])
    return _Position(tuple(keys), last, to_token(privilege, grant_option=grant_option, effect=effect))


def _descend(node: dict[str, Json], keys: tuple[str, ...]) -> dict[str, Json]:
    for key in keys:
        node = cast("dict[str, Json]", node.setdefault(key, {}))
    return node


def to_state(username: str, snapshot: Mapping[str, Json], rules: Rules) -> AccountState:
    """Read an account's state back from its snapshot."""
    categories = cast("dict[str, Json]", snapshot["categories"])
    type_specific = cast("dict[str, dict[str, Json]]", snapshot["type_specific"])
    attributes = dict(type_specific[rules.db_type])
    kind = Kind(cast("str", attributes.pop("account_kind")))
    for name in rules.attribute_categories:
        attributes.update(cast("dict[str, Json]", categories.get(name, {})))
    held = frozenset(
        item
        for scope, category in rules.categories.items()
        for item in _list_held(scope, category, categories.get(category.name))
    )
    meta = cast("dict[str, list[str]]", snapshot["meta"])
    return AccountState(Account(username, kind, attributes, frozenset(meta.get(UNSEEN_ATTRIBUTES, ()))), held)


def _list_held(scope: str, category: Category, node: Json) -> Iterator[Held]:
    for path, tokens in _leaves(node, len(category.levels)):
        securable = Securable(scope, **dict(zip(category.levels, path, strict=True)))
        for token in tokens:
            privilege, grant_option, effect = parse_token(token)
            yield Held(privilege, securable, grant_option, effect)


def _leaves(node: Json, depth: int, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    if node is None:
        return
    if depth == 0:
        yield path, cast("list[str]", node)
        return
    for key, child in cast("dict[str, Json]", node).items():
        yield from _leaves(child, depth - 1, (*path, key))


def to_json_unseen(item: Unseen) -> dict[str, Json]:
    """Return an unseen scope as it stands in a snapshot's `meta` and a record's `sync_details`."""
    return {
        "scope": item.scope,
        "status": item.status.value,
        "reason": item.reason,
        "last_seen_at": item.last_seen_at.astimezone(UTC).isoformat() if item.last_seen_at else None,
    }


def to_digest(*texts: bytes) -> bytes:
    """Return 16 bytes that are equal when, and in practice only when, the texts are, one by one."""
    return to_digest_of_parts(b"".join([part for text in texts for part in (len(text).to_bytes(8, "big"), text)]))


def to_digest_of_parts(joined: bytes) -> bytes:
    """Return the digest of parts that are told apart in one text, as where all have the same length."""
    digest = _NOTHING.copy()  # in two thirds of the time of a new one
    digest.update(joined)
    return digest.digest()


_NOTHING = blake2b(digest_size=16)
