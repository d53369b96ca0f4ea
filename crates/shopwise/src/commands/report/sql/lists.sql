SELECT count(DISTINCT customer) AS customers, count(DISTINCT product) AS products,
       count(*) AS rows
FROM recommendations
