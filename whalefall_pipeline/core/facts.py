"""What an account amounts to: capabilities with their reasons, by itself and through its roles."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import cast

from whalefall_pipeline.core.access import RolePath, reach_roles
from whalefall_pipeline.core.model import ROLE_SCOPES, AccountState, Json, Unseen
from whalefall_pipeline.core.rules import GRANT_ADMIN, SUPERUSER, Rules
from whalefall_pipeline.core.snapshot import to_json_unseen, to_token

FACTS_VERSION = 2
INHERITED = (SUPERUSER, GRANT_ADMIN)


def build_facts(
    state: AccountState,
    rules: Rules,
    accounts: Mapping[str, AccountState],
    now: datetime,
    *,
    unseen: Sequence[Unseen] = (),
) -> dict[str, Json]:
    """Build the version-2 facts; `accounts` are all of the instance by username, `now` decides what has expired.

    `privileges` holds what the account itself holds on the server and on whole databases, tokens by securable;
    narrower scopes stand in the snapshot only.
    """
    reasons = {name: list(why) for name, why in rules.own_capabilities(state, now).items() if why}
    for capability in INHERITED:
        inherited = _inherited_reasons(capability, state, rules, accounts, now)
        if inherited:
            reasons.setdefault(capability, []).extend(inherited)
    roles = sorted({path.role for path in reach_roles(state, accounts)})
    held_by = [state, *(accounts[role] for role in roles if role in accounts)]
    reasons = {name: why for name, why in reasons.items() if not rules.withholds(name, held_by)}
    return {
        "version": FACTS_VERSION,
        "db_type": rules.DB_TYPE,
        "capabilities": cast("list[Json]", sorted(reasons)),
        "capability_reasons": cast("dict[str, Json]", {name: reasons[name] for name in sorted(reasons)}),
        "roles": cast("list[Json]", roles),
        "privileges": _wide_privileges(state),
        "errors": [],
        "meta": {"not_observed": [to_json_unseen(item) for item in unseen]} if unseen else {},
    }


def _inherited_reasons(
    capability: str, state: AccountState, rules: Rules, accounts: Mapping[str, AccountState], now: datetime
) -> list[str]:
    carries = partial(rules.carries, capability=capability)
    return [
        f"{why} (through role {path})"
        for path in reach_roles(state, accounts, carries)
        for why in _role_reasons(capability, path, rules, accounts, now)
    ]


def _role_reasons(
    capability: str, path: RolePath, rules: Rules, accounts: Mapping[str, AccountState], now: datetime
) -> list[str]:
    role = accounts.get(path.role)
    reasons = rules.own_capabilities(role, now) if role else rules.fixed_role_capabilities(path.path[-1])
    return reasons.get(capability, [])


def _wide_privileges(state: AccountState) -> dict[str, Json]:
    wide: dict[str, Json] = {}
    for grant in sorted(state.grants):
        securable = grant.securable
        if securable.scope in ROLE_SCOPES or securable.schema or securable.object or securable.column:
            continue
        cast("list[Json]", wide.setdefault(str(securable), [])).append(to_token(grant))
    return wide
