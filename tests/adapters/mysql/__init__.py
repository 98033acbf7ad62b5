"""MySQL and MariaDB: what the shared body of engine tests does not ask."""
