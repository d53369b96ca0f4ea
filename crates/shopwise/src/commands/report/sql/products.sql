SELECT product, coalesce(title, product) AS title, orders, quantity, customers, revenue
FROM product_features
WHERE orders > 0
ORDER BY revenue DESC, product
LIMIT 10
