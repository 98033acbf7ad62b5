"""Who can do what, worked out from Oracle's documentation: statements, a question, and what the text says of it.

Each runs in the pluggable database SALESPDB with the schema `HR` (table `EMP`, procedure `RAISE`), the users `ANN`,
`BEN` and `MID`, and the roles `CLERK` and `STAFF`. From 23ai there are schema privileges.
"""

from typing import NamedTuple

from whalefall_pipeline.core.access.model import Verdict
from whalefall_pipeline.core.model import SERVER, Securable

YES, STEP, NO = Verdict.YES, Verdict.AFTER_STEP, Verdict.NO
PDB = "SALESPDB"
EMP = Securable("table", PDB, "HR", "EMP")
SALARY = Securable("column", PDB, "HR", "EMP", "SAL")
RAISE = Securable("procedure", PDB, "HR", "RAISE")
NEXT = Securable("sequence", PDB, "HR", "NEXT")
OF_SYS = Securable("table", PDB, "SYS", "OBJ$")
SECRETS = Securable("table", PDB, "SYS", "USER$")
ON_SERVER = Securable(SERVER)

GUIDE = "Database Security Guide"
OBJECT = f"{GUIDE}, Managing Object Privileges"
READ_OR_SELECT = f"{GUIDE}, Managing the READ and SELECT Object Privileges"
PUBLIC = f"{GUIDE}, Granting User Privileges and Roles to PUBLIC"
ROLES = f"{GUIDE}, Managing User Roles: How Roles Work, Roles and Default Roles"
PASSWORDS = f"{GUIDE}, Authorizing a Role by Using the Database: roles with a password are never on by default"
ANY = f"{GUIDE}, Managing System Privileges: ANY privileges"
DICTIONARY = f"{GUIDE}, Restricting System Privileges by Securing the Data Dictionary"
PARAMETER = "Database Reference 18c, O7_DICTIONARY_ACCESSIBILITY"
SCHEMA = f"{GUIDE} 23ai, Managing Schema Privileges"
OWNER = f"{GUIDE}, Managing Object Privileges: the owner has all privileges on its objects"
PROXY = f"{GUIDE}, Middle-Tier Server Use for Proxy Authentication"
GRANT = "SQL Language Reference, GRANT, table of system privileges"
ALTER_USER = "SQL Language Reference, ALTER USER, prerequisites"
ADMINISTRATORS = f"{GUIDE}, Managing Administrative Privileges"


class Case(NamedTuple):
    """Statements, and who can then do what."""

    source: str
    statements: tuple[str, ...]
    username: str
    privilege: str
    securable: Securable
    verdict: Verdict


SELECT = 'GRANT SELECT ON "HR"."EMP" TO'
CLERK = 'GRANT "CLERK" TO "ANN"'
NONE = 'ALTER USER "ANN" DEFAULT ROLE NONE'
PASSWORD_ROLE = 'CREATE ROLE "SAFE" IDENTIFIED BY "x"'
CASES = {
    "nothing": Case(OBJECT, (), "ANN", "SELECT", EMP, NO),
    "a grant": Case(OBJECT, (f'{SELECT} "ANN"',), "ANN", "SELECT", EMP, YES),
    "another privilege": Case(OBJECT, (f'{SELECT} "ANN"',), "ANN", "UPDATE", EMP, NO),
    "another user": Case(OBJECT, (f'{SELECT} "ANN"',), "BEN", "SELECT", EMP, NO),
    "select includes read": Case(READ_OR_SELECT, (f'{SELECT} "ANN"',), "ANN", "READ", EMP, YES),
    "read is not select": Case(READ_OR_SELECT, ('GRANT READ ON "HR"."EMP" TO "ANN"',), "ANN", "SELECT", EMP, NO),
    "the owner": Case(OWNER, (), "HR", "DELETE", EMP, YES),
    "the owner's procedure": Case(OWNER, (), "HR", "EXECUTE", RAISE, YES),
    "public": Case(PUBLIC, (f'{SELECT} "PUBLIC"',), "ANN", "SELECT", EMP, YES),
    "a column": Case(OBJECT, ('GRANT UPDATE ("SAL") ON "HR"."EMP" TO "ANN"',), "ANN", "UPDATE", SALARY, YES),
    "a column is not the table": Case(
        OBJECT, ('GRANT UPDATE ("SAL") ON "HR"."EMP" TO "ANN"',), "ANN", "UPDATE", EMP, NO
    ),
    "a table covers its columns": Case(OBJECT, ('GRANT UPDATE ON "HR"."EMP" TO "ANN"',), "ANN", "UPDATE", SALARY, YES),
    "a default role": Case(ROLES, (CLERK, f'{SELECT} "CLERK"'), "ANN", "SELECT", EMP, YES),
    "a role that is not default": Case(ROLES, (CLERK, NONE, f'{SELECT} "CLERK"'), "ANN", "SELECT", EMP, STEP),
    "a role in a role": Case(
        ROLES, (CLERK, 'GRANT "STAFF" TO "CLERK"', f'{SELECT} "STAFF"'), "ANN", "SELECT", EMP, YES
    ),
    "a role in a role that is off": Case(
        ROLES, (CLERK, NONE, 'GRANT "STAFF" TO "CLERK"', f'{SELECT} "STAFF"'), "ANN", "SELECT", EMP, STEP
    ),
    "a role that one has not": Case(ROLES, (CLERK, f'{SELECT} "CLERK"'), "BEN", "SELECT", EMP, NO),
    "a role with a password": Case(
        PASSWORDS, (PASSWORD_ROLE, 'GRANT "SAFE" TO "ANN"', f'{SELECT} "SAFE"'), "ANN", "SELECT", EMP, STEP
    ),
    "select any table": Case(ANY, ('GRANT SELECT ANY TABLE TO "ANN"',), "ANN", "SELECT", EMP, YES),
    "select any table reads": Case(ANY, ('GRANT SELECT ANY TABLE TO "ANN"',), "ANN", "READ", EMP, YES),
    "read any table": Case(ANY, ('GRANT READ ANY TABLE TO "ANN"',), "ANN", "READ", EMP, YES),
    "read any table is not select": Case(ANY, ('GRANT READ ANY TABLE TO "ANN"',), "ANN", "SELECT", EMP, NO),
    "update any table": Case(ANY, ('GRANT UPDATE ANY TABLE TO "ANN"',), "ANN", "UPDATE", SALARY, YES),
    "execute any procedure": Case(ANY, ('GRANT EXECUTE ANY PROCEDURE TO "ANN"',), "ANN", "EXECUTE", RAISE, YES),
    "select any sequence": Case(ANY, ('GRANT SELECT ANY SEQUENCE TO "ANN"',), "ANN", "SELECT", NEXT, YES),
    "any by a role": Case(ANY, (CLERK, 'GRANT SELECT ANY TABLE TO "CLERK"'), "ANN", "SELECT", EMP, YES),
    "any does not reach sys": Case(DICTIONARY, ('GRANT SELECT ANY TABLE TO "ANN"',), "ANN", "SELECT", OF_SYS, NO),
    "select any dictionary": Case(DICTIONARY, ('GRANT SELECT ANY DICTIONARY TO "ANN"',), "ANN", "SELECT", OF_SYS, YES),
    "select any dictionary hides secrets": Case(
        DICTIONARY, ('GRANT SELECT ANY DICTIONARY TO "ANN"',), "ANN", "SELECT", SECRETS, NO
    ),
    "select any dictionary is of sys": Case(
        DICTIONARY, ('GRANT SELECT ANY DICTIONARY TO "ANN"',), "ANN", "SELECT", EMP, NO
    ),
    "any does not write sys": Case(DICTIONARY, ('GRANT UPDATE ANY TABLE TO "ANN"',), "ANN", "UPDATE", OF_SYS, NO),
    "sys owns its objects": Case(OWNER, (), "SYS", "UPDATE", OF_SYS, YES),
    "a schema privilege": Case(SCHEMA, ('GRANT SELECT ANY TABLE ON SCHEMA "HR" TO "ANN"',), "ANN", "SELECT", EMP, YES),
    "a privilege on another schema": Case(
        SCHEMA, ('GRANT SELECT ANY TABLE ON SCHEMA "BEN" TO "ANN"',), "ANN", "SELECT", EMP, NO
    ),
    "a proxy": Case(
        PROXY, (f'{SELECT} "BEN"', 'ALTER USER "BEN" GRANT CONNECT THROUGH "MID"'), "MID", "SELECT", EMP, STEP
    ),
    "a proxy that needs the password": Case(
        PROXY,
        (f'{SELECT} "BEN"', 'ALTER USER "BEN" GRANT CONNECT THROUGH "MID" AUTHENTICATION REQUIRED'),
        "MID",
        "SELECT",
        EMP,
        NO,
    ),
    "a proxy without roles": Case(
        PROXY,
        (f'{SELECT} "CLERK"', 'GRANT "CLERK" TO "BEN"', 'ALTER USER "BEN" GRANT CONNECT THROUGH "MID" WITH NO ROLES'),
        "MID",
        "SELECT",
        EMP,
        NO,
    ),
    "a proxy without roles has the client's own": Case(
        PROXY,
        (f'{SELECT} "BEN"', 'ALTER USER "BEN" GRANT CONNECT THROUGH "MID" WITH NO ROLES'),
        "MID",
        "SELECT",
        EMP,
        STEP,
    ),
    "a proxy with one role": Case(
        PROXY,
        (
            f'{SELECT} "CLERK"',
            'GRANT "CLERK" TO "BEN"',
            'ALTER USER "BEN" GRANT CONNECT THROUGH "MID" WITH ROLE "CLERK"',
        ),
        "MID",
        "SELECT",
        EMP,
        STEP,
    ),
    "a proxy without one role": Case(
        PROXY,
        (
            f'{SELECT} "CLERK"',
            'GRANT "CLERK" TO "BEN"',
            'ALTER USER "BEN" GRANT CONNECT THROUGH "MID" WITH ROLE ALL EXCEPT "CLERK"',
        ),
        "MID",
        "SELECT",
        EMP,
        NO,
    ),
    "grant any object privilege": Case(
        GRANT, ('GRANT GRANT ANY OBJECT PRIVILEGE TO "ANN"',), "ANN", "SELECT", EMP, STEP
    ),
    "grant any object privilege, and sys": Case(
        GRANT, ('GRANT GRANT ANY OBJECT PRIVILEGE TO "ANN"',), "ANN", "SELECT", OF_SYS, NO
    ),
    "grant any privilege": Case(GRANT, ('GRANT GRANT ANY PRIVILEGE TO "ANN"',), "ANN", "CREATE USER", ON_SERVER, STEP),
    "grant any role": Case(GRANT, ('GRANT GRANT ANY ROLE TO "ANN"', f'{SELECT} "STAFF"'), "ANN", "SELECT", EMP, STEP),
    "a system privilege": Case(GRANT, ('GRANT CREATE USER TO "ANN"',), "ANN", "CREATE USER", ON_SERVER, YES),
    "a system privilege of nobody": Case(GRANT, (), "ANN", "CREATE USER", ON_SERVER, NO),
    "alter user": Case(ALTER_USER, (f'{SELECT} "BEN"', 'GRANT ALTER USER TO "ANN"'), "ANN", "SELECT", EMP, STEP),
    "sysdba": Case(ADMINISTRATORS, ('GRANT SYSDBA TO "ANN"',), "ANN", "UPDATE", OF_SYS, STEP),
    "sysoper reads nothing": Case(ADMINISTRATORS, ('GRANT SYSOPER TO "ANN"',), "ANN", "SELECT", EMP, NO),
}
