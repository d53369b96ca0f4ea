SELECT event_id, kind, customer, product, quantity, amount, currency, occurred_at
FROM events
WHERE customer IS NOT NULL AND {slice}
ORDER BY occurred_at, event_id, line
