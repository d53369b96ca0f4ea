SELECT customer, recency_days, tenure_days, CAST(orders AS DOUBLE) AS orders, monetary,
       average_order, items_per_order, CAST(products AS DOUBLE) AS products, return_rate,
       weekend_share, evening_share
FROM customer_features
WHERE orders > 0
ORDER BY customer
