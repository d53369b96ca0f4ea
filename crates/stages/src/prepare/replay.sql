SELECT event_id, line, kind, customer, product, quantity, unit_price, amount, currency, "order",
       country, occurred_at
FROM events
ORDER BY occurred_at, event_id, line
