SELECT date_trunc('hour', occurred_at) AS hour, count(*) AS happened,
       sum(CASE WHEN kind = 'product_reviewed' THEN 1 ELSE 0 END) AS rated
FROM events
WHERE {interaction}
GROUP BY 1
ORDER BY 1
