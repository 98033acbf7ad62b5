"""The SQL that re-creates accounts, roles and grants, or takes one account from one state to another. Pure."""

from collections.abc import Mapping

from whalefall_pipeline.adapters.mysql.script import accounts, grants, roles
from whalefall_pipeline.adapters.mysql.script.lines import begin, comment, finish
from whalefall_pipeline.core.model import AccountState, Kind

__all__ = ["build_change", "build_script", "find_gaps"]

EVERYBODY = "rows of mysql.db without a user hold for everybody, and no statement makes them; they are left out"


def build_script(states: Mapping[str, AccountState]) -> list[str]:
    """See `Adapter.build_script`: accounts first, then memberships and default roles, then grants.

    Accounts that every server has by itself (`mysql.sys` and the like) are left out.
    """
    built = _build(states, leave_roles=True)
    return [*_begin(*states.values()), *built] if built else []


def build_change(before: AccountState | None, after: AccountState | None) -> list[str]:
    """See `Adapter.build_change`."""
    changed = after or before
    built = _build_change(before, after)
    return [*_begin(changed), *built] if built and changed else []


def find_gaps(before: AccountState | None, after: AccountState | None) -> list[str]:
    """Return in one line each what the statements of `build_change` leave as it is, since none could change it."""
    gaps = accounts.find_gaps(before.account if before else None, after.account if after else None)
    is_everybodys = any(state and not roles.is_nameable(state) for state in (before, after))
    return [*gaps, *grants.find_unwritten(before, after), *([EVERYBODY] if is_everybodys else [])]


def _begin(*states: AccountState) -> list[str]:
    return begin(accounts.flavour_of(states[0].account))


def _build(states: Mapping[str, AccountState], *, leave_roles: bool) -> list[str]:
    listed = [states[name] for name in sorted(states) if not states[name].account.attributes.get("built_in")]
    ordered = [state for state in listed if roles.is_nameable(state)]
    lines = [comment(EVERYBODY)] if len(ordered) < len(listed) else []
    lines += roles.list_mandatory(listed)
    lines += grants.check_partial_revokes(ordered)
    lines += [line for state in ordered for line in accounts.create(state.account)]
    lines += [line for state in ordered for line in roles.build_role_grants(state)]
    lines += [line for state in ordered for line in roles.set_default_roles(None, state)]
    lines += [line for state in ordered for line in grants.change_grants(None, state)]
    lines += [comment(gap) for state in ordered for gap in grants.find_unwritten(None, state)]
    lines += [line for state in ordered for line in accounts.expire(state.account)]
    for state in ordered if leave_roles else ():
        lines += roles.leave_role(state, ordered)
    return finish(lines)


def _build_change(before: AccountState | None, after: AccountState | None) -> list[str]:
    if any(state and not roles.is_nameable(state) for state in (before, after)):
        return [comment(EVERYBODY)]
    if before and before.account.kind is Kind.PUBLIC:
        after = after or AccountState(before.account)  # which is always there
    if after is None:
        return finish([accounts.drop(before.account)]) if before else []
    if before is None:
        is_made_ours = after.account.kind is Kind.ROLE and accounts.flavour_of(after.account) == "mariadb"
        note = [comment("whoever runs this becomes an administrator of the role, which its members need first")]
        return [*_build({after.account.username: after}, leave_roles=False), *(note if is_made_ours else [])]
    return finish(
        [
            *accounts.alter(before.account, after.account),
            *roles.take_roles(before, after),
            *grants.change_grants(before, after),
            *map(comment, grants.find_unwritten(before, after)),
            *roles.build_role_grants(after, before),
            *roles.set_default_roles(before, after),
        ]
    )
