"""SQL Server's own rules: logins, `public` and `guest`, what reaches the operating system, settings. Pure.

References: CIS SQL Server is the benchmark for 2017, SQL6 and SQL4 are DISA's STIGs for 2016 and 2014.
"""

from whalefall_pipeline.adapters.sqlserver import findings_accounts, findings_grants, findings_settings
from whalefall_pipeline.adapters.sqlserver.findings_accounts import SA_SID
from whalefall_pipeline.adapters.sqlserver.names import to_principal
from whalefall_pipeline.core.findings.model import EngineFindings
from whalefall_pipeline.core.model import SERVER, Account


def is_given(account: Account) -> bool:
    """Return whether the server made the account: `sa` under any name, its own logins, `dbo` and `guest`."""
    name = to_principal(account.username).name
    return account.attributes.get("sid") == SA_SID or name.startswith("##") or name in ("dbo", "guest")


RULES = tuple(
    sorted(
        (*findings_accounts.RULES, *findings_grants.RULES, *findings_settings.RULES),
        key=lambda rule: rule.id,
    )
)

FINDINGS = EngineFindings(RULES, is_given, frozenset({SERVER, "role"}))
