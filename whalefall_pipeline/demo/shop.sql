-- A small shop on PostgreSQL, as it is found in real life. Each block runs by itself, in the database that it names.

-- name: roles
create role shop_owner nologin;
create role shop_readers nologin;
create role shop_writers nologin;
create role shop_app login connection limit 40;
create role ana_analyst login;
create role dora_dba login superuser createdb;
create role backup_agent login replication;
create role old_contractor login valid until '2020-12-31 00:00:00+00';
create role summer_intern login;
grant shop_readers to shop_writers;
grant shop_writers to shop_app;
grant shop_readers to ana_analyst, summer_intern;
grant pg_read_all_data to backup_agent;
alter role shop_app set statement_timeout = '30s';

-- name: tables
create schema sales authorization shop_owner;
set role shop_owner;
create table sales.customers (id int primary key, name text, email text, city text);
create table sales.orders (id int primary key, customer_id int references sales.customers, total numeric);
create table sales.payments (id int primary key, order_id int references sales.orders, card_last_four text);
create view sales.orders_by_city as
  select city, count(*) as orders from sales.orders join sales.customers c on c.id = customer_id group by city;
create sequence sales.invoice_number;
create function sales.refund(order_id int) returns void language sql as 'select';
reset role;

-- name: grants
revoke connect, temporary on database shop from public;
grant connect on database shop to shop_readers, backup_agent, old_contractor, {collector};
grant usage on schema sales to shop_readers;
grant select on sales.customers, sales.orders to shop_readers;
grant insert, update, delete on sales.orders, sales.payments to shop_writers;
grant usage on sequence sales.invoice_number to shop_writers;
revoke execute on function sales.refund(int) from public;
grant execute on function sales.refund(int) to shop_writers;
grant select (id, city) on sales.customers to ana_analyst with grant option;
grant select on sales.orders_by_city to ana_analyst;
grant select on sales.payments to old_contractor;
alter default privileges for role shop_owner in schema sales grant select on tables to shop_readers;

-- name: changes
grant select on sales.payments to ana_analyst;
revoke delete on sales.orders from shop_writers;
drop owned by summer_intern;
drop role summer_intern;

-- name: ledger_roles
create role ledger_readers nologin;
create role auditor login;
grant ledger_readers to auditor;
grant select on account_permission, current_grants, current_memberships, account_change_log to ledger_readers;
