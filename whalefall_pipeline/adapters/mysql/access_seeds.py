"""Where all paths to a privilege end on MySQL and MariaDB, so that few accounts need be looked at. Pure."""

from functools import partial

from whalefall_pipeline.adapters.mysql.access_gates import list_defined
from whalefall_pipeline.adapters.mysql.access_links import ROLE_ADMIN, SUPER
from whalefall_pipeline.adapters.mysql.access_open import may_be_open
from whalefall_pipeline.adapters.mysql.access_words import LEVELS
from whalefall_pipeline.adapters.mysql.definers import DEFINER
from whalefall_pipeline.adapters.mysql.mysql import DYNAMIC
from whalefall_pipeline.adapters.mysql.names import means_database
from whalefall_pipeline.adapters.mysql.rows import ROUTINE_SCOPES
from whalefall_pipeline.core.access.model import Matching, Question, Seeds, Sought
from whalefall_pipeline.core.model import SERVER


def find_seeds(question: Question) -> Seeds | None:
    """Return who holds it on a level around, who can make itself a member of any role, and who is a view's definer.

    None where everybody may have it, and for routines, whose names have no case.
    """
    privilege, securable = question
    scope, database, _, name, _ = securable
    levels = LEVELS.get(scope, ())
    if may_be_open(question) or scope in ROUTINE_SCOPES.values():
        return None
    sought = [Sought(ROLE_ADMIN, DYNAMIC), Sought(SUPER, SERVER)]
    sought += [Sought(DEFINER, *defined[:4]) for defined in list_defined(securable)]
    if not levels:
        sought.append(Sought(privilege, *securable[:4]))
    if SERVER in levels:
        sought += [Sought(privilege, level) for level in (SERVER, DYNAMIC)]
    pairs = {(database, name), (database.lower(), name.lower())}
    sought += [Sought(privilege, level, base, "", table) for base, table in sorted(pairs) for level in levels[2:]]
    matching = (Matching(privilege, "database", partial(_may_mean, database)),) if "database" in levels else ()
    return Seeds(tuple(sought), matching=matching, by_principals=True, by_user_part=True)


def _may_mean(database: str, pattern: str) -> bool:
    """Whether a row of mysql.db means a database on some server, whatever it makes of case and of wildcards."""
    lower = pattern.lower()
    return lower == database.lower() or means_database(lower, database.lower())
