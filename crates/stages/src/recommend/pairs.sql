SELECT COALESCE(identities.person, events.customer) AS customer, product,
       CASE WHEN CAST(occurred_at AS BIGINT) >= {test} THEN 2
            WHEN CAST(occurred_at AS BIGINT) >= {validation} THEN 1
            ELSE 0 END AS part,
       sum(CASE WHEN kind = 'product_added' THEN 1 ELSE 0 END) AS carted,
       sum(CASE WHEN kind = 'order_completed' THEN 1 ELSE 0 END) AS bought,
       count(*) AS happened,
       {rating} AS rating,
       max(occurred_at) AS last
FROM identities RIGHT JOIN events ON identities.customer = events.customer
WHERE {interaction}
GROUP BY 1, 2, 3
