# WIN missing_tables: a table that each row has one of
SELECT total, name FROM orders
SELECT total, customers.name FROM orders LEFT JOIN customers ON orders.customer_id = customers.id

# WIN missing_tables: under an alias, in WHERE
SELECT COUNT(*) FROM orders AS o WHERE country = 'PT'
SELECT COUNT(*) FROM orders AS o LEFT JOIN customers ON o.customer_id = customers.id WHERE customers.country = 'PT'

# WIN missing_tables: over two keys
SELECT amount, country FROM payments
SELECT amount, customers.country FROM payments LEFT JOIN orders ON payments.order_id = orders.id LEFT JOIN customers ON orders.customer_id = customers.id

# KEEP missing_tables: the other way round it would repeat rows
SELECT name, total FROM customers
! total

# KEEP missing_tables: two tables beyond have it
SELECT qty, name FROM lines
! name

# KEEP missing_tables: no key leads there
SELECT code, country FROM codes
! country

# WIN missing_tables: a table that is named twice
SELECT country, COUNT(*) AS n FROM orders GROUP BY country
SELECT customers.country, COUNT(*) AS n FROM orders LEFT JOIN customers ON orders.customer_id = customers.id GROUP BY country

# WIN missing_tables: beside a star
SELECT * FROM payments WHERE status = 'paid'
SELECT payments.* FROM payments LEFT JOIN orders ON payments.order_id = orders.id WHERE orders.status = 'paid'

# KEEP missing_tables: a column that the query has
SELECT status, COUNT(*) AS n FROM orders GROUP BY status
SELECT status, COUNT(*) AS n FROM orders GROUP BY status

# KEEP missing_tables: a star alone
SELECT * FROM payments
SELECT * FROM payments
