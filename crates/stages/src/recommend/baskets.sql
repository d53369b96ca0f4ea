SELECT "order", event_id, product
FROM events
WHERE kind = 'order_completed' AND product IS NOT NULL
ORDER BY event_id, line
