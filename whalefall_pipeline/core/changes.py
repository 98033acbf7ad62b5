"""What one sync changed of one instance, as values: what is written to the log, and what others are told of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from whalefall_pipeline.core.diff import KIND_FIELD, AttributeChange, ChangeType, Difference
from whalefall_pipeline.core.findings.model import NO_CHANGES, FindingChanges
from whalefall_pipeline.core.model import AccountState, Grant, Unseen


class AccountChange(NamedTuple):
    """What happened to one account, and its state after that (None: it is gone)."""

    account_id: int
    username: str
    change_type: ChangeType
    difference: Difference
    after: AccountState | None

    @property
    def is_counted(self) -> bool:
        """Whether counts of changes have it: whether the account is, or was, one of those that are counted."""
        return self.after is None or self.after.account.kind.is_counted

    @property
    def is_news(self) -> bool:
        """Whether the log says it. That the engine has roles of its own is none, nor that we now know them as such."""
        if self.is_counted:
            return True
        gained, lost, other = self.difference
        only_kind = not (gained or lost) and {change.field for change in other} == {KIND_FIELD}
        return not (self.change_type == "add" or only_kind)


class NewSuperuser(NamedTuple):
    """An account that amounts to a superuser and did not before, and why."""

    username: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What one sync changed of one instance; empty where nothing did, or where it was not looked at.

    `new`, `returned` and `recreated` (dropped and made again since the reading before) are usernames of the inventory;
    what they hold stands in `accounts` once it was read.
    `attributes` are the instance's own; `replaced` is its identity, where another server answered. `lost` are scopes
    that were seen by the reading before and not by this one, and `found` those that are seen again. `notices` are for
    the record: what happened and is no change. `findings` are those that opened and closed. `superusers` are those that
    are it since this reading, be it through a role that changed; `of_superusers` says whether one of the accounts that
    differ is one, or was.
    """

    new: Sequence[str] = ()
    returned: Sequence[str] = ()
    recreated: Sequence[str] = ()
    accounts: Sequence[AccountChange] = ()
    attributes: Sequence[AttributeChange] = ()
    replaced: AttributeChange | None = None
    notices: Sequence[str] = ()
    lost: Sequence[Unseen] = ()
    found: Sequence[str] = ()
    findings: FindingChanges = NO_CHANGES
    superusers: Sequence[NewSuperuser] = ()
    of_superusers: bool = False

    def join(self, later: "Changes") -> "Changes":
        """Return what the inventory changed (this one) together with what permissions did."""
        return replace(
            later,
            new=self.new,
            returned=self.returned,
            recreated=self.recreated,
            accounts=(*self.accounts, *later.accounts),
            replaced=self.replaced,
            notices=(*self.notices, *later.notices),
            findings=self.findings.join(later.findings),
        )

    @property
    def gone(self) -> list[str]:
        """The usernames of accounts that are gone."""
        deleted = (change.username for change in self.accounts if change.change_type == "delete")
        return [username for username in deleted if username not in self.recreated]

    @property
    def granted(self) -> Iterator[Grant]:
        """What accounts gained, options alone included, each with its grantee."""
        return (Grant(change.username, *item) for change in self.accounts for item in change.difference.gained)

    @property
    def revoked(self) -> Iterator[Grant]:
        """What accounts lost, those that are gone included, each with its grantee."""
        return (Grant(change.username, *item) for change in self.accounts for item in change.difference.lost)
