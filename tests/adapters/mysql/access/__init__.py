"""Effective access on MySQL and MariaDB, judged by logins that try."""
