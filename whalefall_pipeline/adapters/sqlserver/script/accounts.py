"""The T-SQL that makes, changes and drops logins, users and roles, without what they hold. Pure."""

from collections.abc import Iterator

from whalefall_pipeline.adapters.sqlserver.names import (
    build_dynamic,
    quote_literal,
    quote_name,
    to_comment,
    to_principal,
)
from whalefall_pipeline.core.model import Account, Kind

_LOGIN_OPTIONS = {
    "default_database": "DEFAULT_DATABASE",
    "default_language": "DEFAULT_LANGUAGE",
    "is_policy_checked": "CHECK_POLICY",
    "is_expiration_checked": "CHECK_EXPIRATION",
}
RANDOM_TEXT = "QUOTENAME(CONVERT(nvarchar(128), CRYPT_GEN_RANDOM(32), 2) + N'aA1!', '''')"
"""256 random bits with what a password policy asks for, quoted as a literal."""
_GIVEN = ("sa", "public", "dbo", "guest")
_INTERNAL = "##"


def is_given(account: Account) -> bool:
    """Whether every server, or every database, has this account from its start."""
    name = to_principal(account.username).name
    return name in _GIVEN or name.startswith(_INTERNAL) or bool(account.attributes.get("is_fixed_role"))


def build_create(account: Account) -> Iterator[str]:
    """Build what makes an account; nothing for those that every server has."""
    database, name = to_principal(account.username)
    if is_given(account):
        return
    if database:
        yield from _create_in_database(account, name)
    elif account.kind is Kind.ROLE:
        yield f"CREATE SERVER ROLE {quote_name(name)}"
    else:
        yield from _create_login(account, name)
        if account.attributes.get("is_disabled"):
            yield f"ALTER LOGIN {quote_name(name)} DISABLE"


def _create_login(account: Account, name: str) -> Iterator[str]:
    login = f"CREATE LOGIN {quote_name(name)}"
    source = account.attributes.get("mapped_to")
    match account.attributes.get("principal_type"):
        case "SQL_LOGIN":
            options = [f"SID = {account.attributes['sid']}", *_options(account)]
            yield from _with_random_password(login, name, "LOGIN", options)
        case "CERTIFICATE_MAPPED_LOGIN":
            yield f"{login} FROM CERTIFICATE {quote_name(str(source))}"
        case "ASYMMETRIC_KEY_MAPPED_LOGIN":
            yield f"{login} FROM ASYMMETRIC KEY {quote_name(str(source))}"
        case "WINDOWS_LOGIN" | "WINDOWS_GROUP":
            yield f"{login} FROM WINDOWS{_with(_options(account))}"
        case _:
            yield f"{login} FROM EXTERNAL PROVIDER{_with(_options(account))}"


def _create_in_database(account: Account, name: str) -> Iterator[str]:
    quoted = quote_name(name)
    attributes = account.attributes
    schema = (
        [f"DEFAULT_SCHEMA = {quote_name(str(attributes['default_schema']))}"] if "default_schema" in attributes else []
    )
    match attributes.get("principal_type"):
        case "DATABASE_ROLE":
            yield f"CREATE ROLE {quoted}"
        case "APPLICATION_ROLE":
            yield from _with_random_password(f"CREATE APPLICATION ROLE {quoted}", name, "APPLICATION ROLE", schema)
        case "CERTIFICATE_MAPPED_USER":
            yield f"CREATE USER {quoted} FROM CERTIFICATE {quote_name(str(attributes.get('mapped_to')))}"
        case "ASYMMETRIC_KEY_MAPPED_USER":
            yield f"CREATE USER {quoted} FROM ASYMMETRIC KEY {quote_name(str(attributes.get('mapped_to')))}"
        case "EXTERNAL_USER" | "EXTERNAL_GROUP" | "EXTERNAL_GROUPS":
            yield f"CREATE USER {quoted} FROM EXTERNAL PROVIDER{_with(schema)}"
        case "SQL_USER" if attributes.get("authentication_type") == "DATABASE":
            options = [*schema, f"SID = {attributes['sid']}"]
            yield from _with_random_password(f"CREATE USER {quoted}", name, "USER", options)
        case "SQL_USER":
            if attributes.get("is_orphaned"):
                yield to_comment(
                    f"{quoted} is orphaned, its SID {attributes.get('sid')} is no login's: made without login"
                )
            yield f"CREATE USER {quoted} WITHOUT LOGIN{_with(schema)}"
        case _:
            yield f"CREATE USER {quoted}{_with(schema)}"


def _with_random_password(create: str, name: str, what: str, options: list[str]) -> Iterator[str]:
    """Yield what makes it with a random password that nobody sees: a script that is run as it is opens no door."""
    quoted = quote_name(name)
    yield to_comment(f"the password of {quoted} is not known: set it with ALTER {what} {quoted} WITH PASSWORD = ...")
    ending = "".join(f", {option}" for option in options)
    yield build_dynamic(f"{quote_literal(f'{create} WITH PASSWORD = ')} + {RANDOM_TEXT} + {quote_literal(ending)}")


def _options(account: Account) -> list[str]:
    return [
        f"{keyword} = {_to_option(account.attributes[name])}"
        for name, keyword in _LOGIN_OPTIONS.items()
        if name in account.attributes
    ]


def _with(options: list[str]) -> str:
    return f" WITH {', '.join(options)}" if options else ""


def _to_option(value: object) -> str:
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    return quote_name(str(value))


def build_alter(before: Account, after: Account) -> Iterator[str]:
    """Build what changes a login's state and options; a comment for each attribute that only the server sets."""
    quoted = quote_name(to_principal(after.username).name)
    names = {*before.attributes, *after.attributes}
    for name in sorted(name for name in names if before.attributes.get(name) != after.attributes.get(name)):
        value = after.attributes.get(name)
        if name == "is_disabled":
            yield f"ALTER LOGIN {quoted} {'DISABLE' if value else 'ENABLE'}"
        elif name in _LOGIN_OPTIONS and value is not None:
            yield f"ALTER LOGIN {quoted} WITH {_LOGIN_OPTIONS[name]} = {_to_option(value)}"
        elif name == "default_schema" and value is not None:
            yield f"ALTER USER {quoted} WITH DEFAULT_SCHEMA = {_to_option(value)}"
        else:
            yield to_comment(
                f"{name} of {quoted} is the server's to set: {before.attributes.get(name)!r} becomes {value!r}"
            )


def build_drop(account: Account) -> Iterator[str]:
    """Build what drops an account; its users in databases go before it, as grants that are lost."""
    database, name = to_principal(account.username)
    if account.kind is Kind.ROLE:
        application = account.attributes.get("principal_type") == "APPLICATION_ROLE"
        what = ("APPLICATION ROLE" if application else "ROLE") if database else "SERVER ROLE"
    else:
        what = "USER" if database else "LOGIN"
    yield f"DROP {what} {quote_name(name)}"
