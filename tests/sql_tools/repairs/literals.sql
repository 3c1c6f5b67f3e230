# WIN stored_texts: another case
SELECT COUNT(*) FROM orders WHERE status = 'PAID'
SELECT COUNT(*) FROM orders WHERE status = 'paid'

# WIN stored_texts: blanks
SELECT name FROM customers WHERE city = 'Lisbon '
SELECT name FROM customers WHERE city = 'Lisbon'

# WIN stored_texts: in a list
SELECT COUNT(*) FROM orders WHERE status IN ('Paid', 'open')
SELECT COUNT(*) FROM orders WHERE status IN ('paid', 'open')

# KEEP stored_texts: a value that is stored in both spellings
SELECT COUNT(*) FROM spelt WHERE kind = 'Paid'
SELECT COUNT(*) FROM spelt WHERE kind = 'Paid'

# KEEP stored_texts: two stored spellings could be meant
SELECT COUNT(*) FROM spelt WHERE kind = 'PAID'
SELECT COUNT(*) FROM spelt WHERE kind = 'PAID'

# KEEP stored_texts: a value of another column
SELECT COUNT(*) FROM customers WHERE city = 'Portugal'
SELECT COUNT(*) FROM customers WHERE city = 'Portugal'

# KEEP stored_texts: a pattern
SELECT name FROM customers WHERE city LIKE 'LIS%'
SELECT name FROM customers WHERE city LIKE 'LIS%'

# KEEP stored_texts: a text that is shown
SELECT 'PAID' AS label, COUNT(*) FROM orders WHERE status = 'paid'
SELECT 'PAID' AS label, COUNT(*) FROM orders WHERE status = 'paid'

# KEEP stored_texts: asked for beside the stored one
SELECT COUNT(*) FROM orders WHERE status IN ('PAID', 'paid')
SELECT COUNT(*) FROM orders WHERE status IN ('PAID', 'paid')

# KEEP stored_texts: compared to be shown
SELECT id, status = 'PAID' AS is_upper FROM orders
SELECT id, status = 'PAID' AS is_upper FROM orders
