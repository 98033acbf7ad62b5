-- The same shop's web front, on MariaDB or MySQL. Statements of `common` run on both.

-- name: common
create database webshop;
create table webshop.carts (id int primary key, customer varchar(100), total decimal(10, 2));
create table webshop.`Customer_Notes` (id int primary key, note text);
create role web_readers;
create user 'web_app'@'%' identified by '{password}';
create user 'reports'@'10.%' identified by '{password}' account lock;
create user 'dba'@'localhost' identified by '{password}';
grant all privileges on *.* to 'dba'@'localhost' with grant option;
grant select on webshop.* to web_readers;
grant select, insert, update on webshop.carts to 'web_app'@'%';
grant select (id, note) on webshop.`Customer_Notes` to 'reports'@'10.%';
grant web_readers to 'reports'@'10.%';
