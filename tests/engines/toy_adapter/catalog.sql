-- name: accounts
SHOW ACCOUNTS;

-- name: grants
SHOW GRANTS;
