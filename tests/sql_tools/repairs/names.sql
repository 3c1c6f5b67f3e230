-- WIN: a draft the engine does not take, and what it becomes. KEEP: a draft that stays as it is, or ! is refused and left to the model.

# WIN column_names: a column under the wrong alias
SELECT c.total FROM customers AS c JOIN orders AS o ON o.customer_id = c.id
SELECT o.total FROM customers AS c JOIN orders AS o ON o.customer_id = c.id

# WIN column_names: an alias that FROM does not have
SELECT x.name FROM customers
SELECT customers.name FROM customers

# WIN column_names: the table's name beside its alias
SELECT customers.name FROM customers AS c
SELECT c.name FROM customers AS c

# WIN column_names: underscores left out
SELECT customerid FROM orders
SELECT customer_id FROM orders

# WIN column_names: a column that two joined tables share by their key
SELECT order_id, amount FROM lines JOIN payments ON lines.order_id = payments.order_id
SELECT lines.order_id, amount FROM lines JOIN payments ON lines.order_id = payments.order_id

# WIN table_names: a plural
SELECT name FROM customer
SELECT name FROM customers AS customer

# WIN table_names: an underscore
SELECT COUNT(*) FROM paidorders
SELECT COUNT(*) FROM paid_orders AS paidorders

# KEEP column_names: two tables could be meant
SELECT x.name FROM customers JOIN products ON customers.id = products.id
! name

# KEEP column_names: a column that is nearly another
SELECT totals_paid FROM orders
! totals_paid

# KEEP column_names: an alias of SELECT
SELECT total AS t FROM orders ORDER BY t
SELECT total AS t FROM orders ORDER BY t

# KEEP column_names: a column of the query around it
SELECT name FROM customers WHERE EXISTS(SELECT 1 FROM orders WHERE customer_id = customers.id AND vip)
SELECT name FROM customers WHERE EXISTS(SELECT 1 FROM orders WHERE customer_id = customers.id AND vip)

# KEEP column_names: a field of a struct
SELECT s.city FROM nested
SELECT s.city FROM nested

# KEEP table_names: a table that is nearly another
SELECT name FROM custom
! custom

# KEEP table_names: a CTE of a name like a table's
WITH customer AS (SELECT 1 AS id) SELECT id FROM customer
WITH customer AS (SELECT 1 AS id) SELECT id FROM customer

# WIN column_names: a key called like its table, from the query around
SELECT c.name, (SELECT COUNT(*) FROM orders WHERE customer_id = c.customer_id) AS n FROM customers AS c
SELECT c.name, (SELECT COUNT(*) FROM orders WHERE customer_id = c.id) AS n FROM customers AS c

# KEEP column_names: a column of the query around is not moved into the one inside
SELECT c.name, (SELECT COUNT(*) FROM orders WHERE customer_id = c.total) AS n FROM customers AS c
! total

# KEEP column_names: the last word of a name is not the name
SELECT SUM(price) FROM "Order Details"
! price
