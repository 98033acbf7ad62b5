"""`whalefall credentials`: how the logins' secrets are kept, one of them given again, and another key for all."""

from typing import Annotated

import typer

from whalefall_pipeline.cli.arguments import complete_instance
from whalefall_pipeline.cli.instances import PasswordCommand, PasswordEnv, PasswordFile, PasswordStdin, change
from whalefall_pipeline.cli.labels import LabelOption, find_labelled
from whalefall_pipeline.cli.output import print_line, warn
from whalefall_pipeline.cli.rows import Format, FormatOption, RawOption, WholeLimitOption, show_rows
from whalefall_pipeline.cli.workplace import open_workplace
from whalefall_pipeline.core.errors import InvalidInputError, InvalidInstanceError
from whalefall_pipeline.ledger.credentials import Kept, Rotated, read_credentials, write_encrypted_again
from whalefall_pipeline.ledger.database import connecting, reading, transaction
from whalefall_pipeline.ledger.keys import KeyRing
from whalefall_pipeline.ledger.secrets import SecretStore, is_reference

READABLE, UNREADABLE = "readable", "not readable"
TWO_KEYS = (
    "WHALEFALL_SECRET_KEY holds the key, so it is changed there: put a new key and a comma before it wherever whalefall"
    " runs, call this again, then take the old one away; a new key is made by: python -c 'from cryptography.fernet"
    " import Fernet; print(Fernet.generate_key().decode())'"
)


def list_credentials(
    label: LabelOption = None,
    limit: WholeLimitOption = None,
    form: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """List how each secret is kept, and whether it can be read.

    Of active instances, with their logins: whether it can be decrypted here. No command is run for it and no file is
    read. Exit code 1: one can't be decrypted.
    """
    with open_workplace() as workplace, workplace.reading() as reader, reading(workplace.engine) as connection:
        chosen = find_labelled(reader, label)
        active = [kept for kept in read_credentials(connection) if kept.is_active]
        rows = [_to_row(kept, workplace.store) for kept in active if chosen is None or kept.name in chosen]
    show_rows(rows, ("instance", "user", "secret", "status", "note"), form, raw=raw, at_most=limit or None)
    if any(row["status"] == UNREADABLE for row in rows):
        raise typer.Exit(1)


def set_credential(
    *,
    name: Annotated[str, typer.Argument(autocompletion=complete_instance, help="The instance whose login it is.")],
    user: Annotated[str | None, typer.Option(help="The login's name; left out: it stays.")] = None,
    password_env: PasswordEnv = None,
    password_file: PasswordFile = None,
    password_command: PasswordCommand = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """Give the secret of an instance's login again.

    Also where the old one can't be read any more. Without an option it asks for the secret, and keeps it encrypted.
    """
    named = password_env or password_file or password_command or password_stdin
    change(
        name=name,
        user=user,
        password=not named,
        password_env=password_env,
        password_file=password_file,
        password_command=password_command,
        password_stdin=password_stdin,
    )


def rotate_key() -> None:
    """Encrypt all secrets with a new key.

    The old one is forgotten. What was interrupted can be called again: until its last step both keys open everything.
    Exit code 1: some secrets are opened by no key that is here, and stay as they are.
    """
    with open_workplace() as workplace:
        keys = workplace.store.keys
        new = _begin(keys)
        with connecting(workplace.engine) as connection, transaction(connection):
            rotated = write_encrypted_again(connection, workplace.store)
        if new:
            keys.end_rotation(new)
    _print_rotated(rotated, keys)


def _begin(keys: KeyRing) -> str | None:
    """Put a new key before the others and return it; None: somebody has. Raise InvalidInputError where nobody has."""
    if not keys.is_given:
        return keys.begin_rotation()
    if len(keys.read().entries) == 1:
        raise InvalidInputError(TWO_KEYS)
    return None


def _print_rotated(rotated: Rotated, keys: KeyRing) -> None:
    print_line(f"{rotated.encrypted} secrets are encrypted with the new key")
    if keys.is_given:
        print_line("take the old key out of WHALEFALL_SECRET_KEY now, wherever whalefall runs; keep only the first")
    if rotated.unreadable:
        named = ", ".join(rotated.unreadable)
        warn(f"no key here opens the secret of {named}; give it again: whalefall credentials set INSTANCE")
        raise typer.Exit(1)


def _to_row(kept: Kept, store: SecretStore) -> dict[str, str]:
    kind, _, value = kept.secret.partition(":")
    row = {"instance": kept.name, "user": kept.username, "secret": kind, "status": READABLE, "note": ""}
    if is_reference(kept.secret):
        return row | {"note": value}
    try:
        bound, words = store.find_binding(kept.secret), store.find_command(kept.secret)
    except InvalidInstanceError as error:
        return row | {"status": UNREADABLE, "note": str(error)}
    return row | {"note": words[0] if words else f"for {bound}" if bound else "for the server that it is next used for"}
