SELECT kind, count(DISTINCT event_id) AS events, count(*) AS lines,
       CAST(max(occurred_at) AS BIGINT) AS last_at
FROM events
GROUP BY kind
ORDER BY events DESC, kind
