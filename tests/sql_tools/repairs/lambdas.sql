# WIN lambda_keywords: an arrow in list_transform
SELECT LIST_TRANSFORM(tags, x -> x || '!') AS t FROM products
SELECT LIST_TRANSFORM(tags, LAMBDA x : x || '!') AS t FROM products

# WIN lambda_keywords: an arrow in list_filter
SELECT LIST_FILTER(tags, t -> t <> 'desk') AS t FROM products
SELECT LIST_FILTER(tags, LAMBDA t : t <> 'desk') AS t FROM products

# KEEP lambda_keywords: an arrow of JSON
SELECT attrs -> 'color' AS c FROM products
SELECT attrs -> 'color' AS c FROM products

# KEEP lambda_keywords: the keyword
SELECT LIST_FILTER(tags, LAMBDA t : t <> 'desk') AS t FROM products
SELECT LIST_FILTER(tags, LAMBDA t : t <> 'desk') AS t FROM products
