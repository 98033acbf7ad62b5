"""The SQL that makes an account a member of roles, with its options, and takes that back. Pure functions."""

from collections.abc import Iterator

from whalefall_pipeline.adapters.postgresql.names import quote, quote_value
from whalefall_pipeline.core.model import AccountState, Membership


def build_memberships(before: AccountState | None, after: AccountState) -> Iterator[str]:
    """Give the statements that take an account's memberships from one state to the other."""
    old = {membership.role: membership for membership in before.memberships} if before else {}
    new = {membership.role: membership for membership in after.memberships}
    member = quote(after.account.username)
    for role in sorted(old.keys() - new.keys()):
        yield f"REVOKE {quote(role)} FROM {member};"
    for role, membership in sorted(new.items()):
        earlier = old.get(role)
        if earlier == membership:
            continue
        if earlier and earlier.admin_option and not membership.admin_option:
            yield f"REVOKE ADMIN OPTION FOR {quote(role)} FROM {member};"
        yield _build_membership(membership, _usual_options(after), earlier)


def _usual_options(state: AccountState) -> frozenset[str]:
    """Give what GRANT gives unasked, and what every membership has before 16."""
    inherits = bool(state.account.attributes.get("rolinherit", True))
    return frozenset({"SET", "INHERIT"} if inherits else {"SET"})


def _build_membership(membership: Membership, usual: frozenset[str], earlier: Membership | None) -> str:
    """Spell a GRANT; the options of 16 only where every version's GRANT would not give the same."""
    what = f"GRANT {quote(membership.role)} TO {quote(membership.member)}"
    if membership.options == usual and (earlier is None or earlier.options == usual):
        return f"{what}{' WITH ADMIN OPTION' if membership.admin_option else ''};"
    options = {
        "ADMIN": membership.admin_option,
        "INHERIT": "INHERIT" in membership.options,
        "SET": "SET" in membership.options,
    }
    spelled = ", ".join(f"{name} {str(held).upper()}" for name, held in options.items())
    grant = f"{what} WITH {spelled}"
    if membership.options != usual or earlier is None:
        return f"{grant};"
    # Before 16 ALTER ROLE … INHERIT has changed it already; from 16 on it leaves memberships that are there alone.
    guard = "IF current_setting('server_version_num')::int >= 160000 THEN"
    return f"DO {quote_value(f'BEGIN {guard} EXECUTE {quote_value(grant)}; END IF; END')};"
