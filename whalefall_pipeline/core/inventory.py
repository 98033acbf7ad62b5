"""How an instance's account list differs from the one known, and whether the difference may be believed."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from whalefall_pipeline.core.diff import KIND_FIELD
from whalefall_pipeline.core.errors import CollapseRefusedError, SyncDataError
from whalefall_pipeline.core.model import Account, Kind

FEW = 10
"""Accounts that may vanish at once whatever their share: a small instance is not held up by an ordinary clean-up."""
REPLACED_PERCENT = 50
"""Of the accounts, more than this may not vanish where another server answers, be the instance's own limit higher."""
UNCOUNTED = frozenset(kind.value for kind in Kind if not kind.is_counted)


class KnownAccount(NamedTuple):
    """An account as the ledger has it."""

    id: int
    username: str
    kind: str
    is_active: bool
    native_id: str | None = None

    @property
    def is_counted(self) -> bool:
        """Whether lists and counts of accounts have it without being asked."""
        return self.kind not in UNCOUNTED


class InventoryChange(NamedTuple):
    """What turns the known list into the one that was read; accounts in the order of their lists.

    `recreated` are there in both, and others by what the server knows them by; `other_id` has all whose id is not the
    one known, those that were known without one among them.
    """

    new: list[Account]
    returned: list[KnownAccount]
    gone: list[KnownAccount]
    hidden: list[KnownAccount]
    other_kind: list[tuple[KnownAccount, Kind]]
    recreated: list[KnownAccount]
    other_id: list[tuple[KnownAccount, str]]


def _is_listed(_username: str) -> bool:
    return False


def compare_inventory(
    known: Sequence[KnownAccount],
    accounts: Sequence[Account],
    may_hide: Callable[[str], bool] = _is_listed,
    *,
    is_same_server: bool = True,
) -> InventoryChange:
    """Compare the list that was read with the one known. Raises SyncDataError when a username stands twice.

    An active account that the list lacks is gone, unless it `may_hide` where the reading could not look. Ids of another
    server show nothing of its accounts.
    """
    by_name = {account.username: account for account in accounts}
    if len(by_name) != len(accounts):
        twice = Counter(account.username for account in accounts).most_common(1)[0][0]
        raise SyncDataError(f"the account list holds {twice!r} twice")
    known_names = {account.username for account in known}
    missing = [item for item in known if item.is_active and item.username not in by_name]
    pairs = [
        (item, read)
        for item in known
        if (read := by_name.get(item.username))
        and not (item.is_active and read.kind == item.kind and (read.native_id or None) == item.native_id)
    ]
    other_id = [(item, read.native_id) for item, read in pairs if read.native_id and read.native_id != item.native_id]
    return InventoryChange(
        new=[account for account in accounts if account.username not in known_names],
        returned=[item for item, _ in pairs if not item.is_active],
        gone=[item for item in missing if not may_hide(item.username)],
        hidden=[item for item in missing if may_hide(item.username)],
        other_kind=[
            (item, read.kind) for item, read in pairs if read.kind != item.kind and _may_change_kind(item, read)
        ],
        recreated=[item for item, _ in other_id if is_same_server and item.is_active and item.native_id],
        other_id=other_id,
    )


def _may_change_kind(known: KnownAccount, read: Account) -> bool:
    """Whether the kind is the one that was read: where that was not shown, an account that is there keeps its own."""
    return not (known.is_active and KIND_FIELD in read.unseen)


def describe_replacement(before: tuple[str | None, str | None], now: tuple[str, str]) -> str:
    """Return how another server seems to answer than the one of the newest inventory, or an empty text.

    Both are what the server says that it is (empty: nothing), and where it is. Who says nothing is the same where it
    is in the same place.
    """
    (identity, place), (other, new_place) = before, now
    if identity and other:
        return f"another server answers: {other}, before it was {identity}" if identity != other else ""
    if place and place != new_place:
        silent = "it did not say then which it was" if other else "it does not say which it is"
        return f"another server may answer at {new_place}: before it was {place}, and {silent}"
    return ""


def check_collapse(
    known: Collection[KnownAccount], change: InventoryChange, limit_percent: int, *, replacement: str = ""
) -> None:
    """Raise CollapseRefusedError when so much would vanish that the reading is more likely wrong than they are gone.

    That is: more than `limit_percent` of the active accounts and more than ten, or all accounts of a kind, be it the
    only one. Zero percent allows none beyond ten; a hundred switches the first rule off, not the second. Accounts that
    are recreated count for the first rule: a restore may have made all of them again. Predefined accounts count for
    neither, nor do those that are hidden, which the reading could not have shown. With a `replacement`, half of the
    accounts are enough, however few they are.
    """
    gone = [account for account in change.gone if account.is_counted]
    again = sum(account.is_counted for account in change.recreated)
    if not (gone or again):
        return
    hidden = {account.id for account in change.hidden}
    active = [account for account in known if account.is_active and account.is_counted and account.id not in hidden]
    accept = "if this is right, accept it: whalefall sync NAME --accept-collapse"
    if replacement and len(gone) * 100 > min(limit_percent, REPLACED_PERCENT) * len(active):
        vanish = f"{len(gone)} of {len(active)} accounts would vanish; nothing was changed"
        raise CollapseRefusedError(f"{replacement}; {vanish}; {accept}")
    if (ended := len(gone) + again) > FEW and ended * 100 > limit_percent * len(active):
        made = f" ({again} of them were dropped and made again, by their ids)" if again else ""
        vanish = f"{ended} of {len(active)} accounts would vanish{made}; nothing was changed"
        raise CollapseRefusedError(f"{vanish}; {accept}")
    returned = {account.kind.value for account in change.new}
    returned |= {account.kind for account in change.returned} | {kind.value for _, kind in change.other_kind}
    before, vanished = (Counter(account.kind for account in accounts) for accounts in (active, gone))
    for kind, count in vanished.items():
        if count == before[kind] and kind not in returned:
            which = f"all {count} accounts" if count > 1 else "the only account"
            raise CollapseRefusedError(f"{which} of kind {kind} would vanish; nothing was changed; {accept}")
