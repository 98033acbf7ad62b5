"""Categories and capabilities of the toy engine."""

from collections.abc import Mapping
from datetime import datetime

from whalefall_pipeline.core.model import SERVER, AccountState, Attributes, Held, Kind, Securable
from whalefall_pipeline.core.rules import LOCKED, NO_LOGIN, NOTHING_SET, SUPERUSER, Category, Reasons, Rules

EVERYTHING = Held("ALL", Securable(SERVER))

CATEGORIES: Mapping[str, Category] = {
    SERVER: Category("toy_server_privileges", ()),
    "role": Category("toy_roles", ("object",)),
    "table": Category("toy_table_privileges", ("object",)),
}


class ToyRules(Rules):
    """The rules of this engine; see `core.rules.Rules`."""

    db_type = "toy"
    categories = CATEGORIES

    def observed_by(self, scope: str, database: str) -> str:
        """Return the server: it is read as one."""
        return SERVER

    def own_capabilities(self, state: AccountState, now: datetime, instance: Attributes = NOTHING_SET) -> Reasons:
        """See `Rules.own_capabilities`."""
        reasons: dict[str, list[str]] = {}
        if EVERYTHING in state.held:
            reasons[SUPERUSER] = ["ALL on the server"]
        if state.account.kind is Kind.ROLE:
            reasons[NO_LOGIN] = ["is a role"]
        if state.account.attributes["locked"]:
            reasons[LOCKED] = ["is locked"]
        return reasons


RULES = ToyRules()
