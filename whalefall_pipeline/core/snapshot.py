"""An account's state as the version-4 snapshot document, its digest, and back.

A privilege is a token: `SELECT`, `SELECT WITH GRANT OPTION`, `DENY SELECT`; of a membership, `MEMBER WITH ADMIN
OPTION`. The document and the state hold the same: `to_state(build_snapshot(state))` gives the state again.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC
from hashlib import blake2b
from typing import cast

import orjson

from whalefall_pipeline.core.model import (
    MEMBER,
    Account,
    AccountState,
    Effect,
    Grant,
    Json,
    Kind,
    Membership,
    Securable,
    Unseen,
)
from whalefall_pipeline.core.rules import Category, Rules

SNAPSHOT_VERSION = 4
GRANT_OPTION = " WITH GRANT OPTION"
ADMIN_OPTION = " WITH ADMIN OPTION"
PREFIXES: dict[Effect, str] = {"grant": "", "deny": "DENY ", "revoke": "REVOKE "}


def to_token(grant: Grant) -> str:
    """Spell a grant's privilege, effect and option as one token."""
    option = (ADMIN_OPTION if grant.privilege == MEMBER else GRANT_OPTION) if grant.grant_option else ""
    return f"{PREFIXES[grant.effect]}{grant.privilege}{option}"


def parse_token(token: str) -> tuple[str, bool, Effect]:
    """Give privilege, grant option and effect of a token."""
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
    """Build the version-4 document of an account; lists are sorted, so equal states give equal documents."""
    categories = _grant_categories(state, rules)
    own = dict(state.account.attributes)
    for name, attributes in rules.ATTRIBUTE_CATEGORIES.items():
        categories[name] = {key: own.pop(key) for key in sorted(attributes & own.keys())}
    categories.update(rules.derived_categories(state, members))
    type_specific: dict[str, Json] = {"account_kind": state.account.kind.value, **own}
    meta: dict[str, Json] = {"not_observed": [to_json_unseen(item) for item in unseen]} if unseen else {}
    return {
        "version": SNAPSHOT_VERSION,
        "categories": categories,
        "type_specific": {rules.DB_TYPE: type_specific},
        "extra": {},
        "errors": [],
        "meta": meta,
    }


def _grant_categories(state: AccountState, rules: Rules) -> dict[str, Json]:
    categories: dict[str, Json] = {}
    by_path: dict[tuple[str, ...], list[Grant]] = {}
    for grant in state.grants:
        category = rules.CATEGORIES[grant.securable.scope]
        path = (category.name, *[cast("str", getattr(grant.securable, level)) for level in category.levels])
        by_path.setdefault(path, []).append(grant)
    for (*keys, last), grants in sorted(by_path.items()):
        node = categories
        for key in keys:
            node = cast("dict[str, Json]", node.setdefault(key, {}))
        node[last] = [to_token(grant) for grant in sorted(grants)]
    return categories


def to_state(username: str, snapshot: Mapping[str, Json], rules: Rules) -> AccountState:
    """Read an account's state back from its snapshot."""
    categories = cast("dict[str, Json]", snapshot["categories"])
    type_specific = cast("dict[str, dict[str, Json]]", snapshot["type_specific"])
    attributes = dict(type_specific[rules.DB_TYPE])
    kind = Kind(cast("str", attributes.pop("account_kind")))
    for name in rules.ATTRIBUTE_CATEGORIES:
        attributes.update(cast("dict[str, Json]", categories.get(name, {})))
    grants = frozenset(
        grant
        for scope, category in rules.CATEGORIES.items()
        for grant in _grants_of(username, scope, category, categories.get(category.name))
    )
    return AccountState(Account(username, kind, attributes), grants)


def _grants_of(username: str, scope: str, category: Category, node: Json) -> Iterator[Grant]:
    for path, tokens in _leaves(node, len(category.levels)):
        securable = Securable(scope, **dict(zip(category.levels, path, strict=True)))
        for token in tokens:
            privilege, grant_option, effect = parse_token(token)
            yield Grant(username, privilege, securable, grant_option, effect)


def _leaves(node: Json, depth: int, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    if node is None:
        return
    if depth == 0:
        yield path, cast("list[str]", node)
        return
    for key, child in cast("dict[str, Json]", node).items():
        yield from _leaves(child, depth - 1, (*path, key))


def to_json_unseen(item: Unseen) -> dict[str, Json]:
    """Spell an unseen scope for a snapshot's `meta` and a record's `sync_details`."""
    return {
        "scope": item.scope,
        "status": item.status.value,
        "reason": item.reason,
        "last_seen_at": item.last_seen_at.astimezone(UTC).isoformat() if item.last_seen_at else None,
    }


def to_document_text(document: Json) -> bytes:
    """Serialise a document as JSON in UTF-8; equal documents give equal bytes, whatever their key order."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def to_digest(*texts: bytes) -> bytes:
    """Give 16 bytes that are equal when, and in practice only when, the serialised documents are."""
    hashed = blake2b(digest_size=16)
    for text in texts:
        hashed.update(len(text).to_bytes(8, "big"))
        hashed.update(text)
    return hashed.digest()
