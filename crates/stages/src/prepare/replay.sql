SELECT event_id, line, kind, customer, product, quantity, unit_price, amount, currency, "order",
       country, campaign, decision, creative, placement, experiment, variant, device, channel,
       position, propensity, rating, occurred_at
FROM events
WHERE {slice}
ORDER BY occurred_at, event_id, line
