SELECT count(DISTINCT CASE WHEN CAST(occurred_at AS BIGINT) >= {middle} THEN customer END) AS newest,
       count(DISTINCT CASE WHEN CAST(occurred_at AS BIGINT) < {middle} THEN customer END) AS before
FROM orders
WHERE CAST(occurred_at AS BIGINT) >= {from} AND CAST(occurred_at AS BIGINT) < {to}
