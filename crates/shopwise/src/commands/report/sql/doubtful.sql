SELECT count(*) AS lines, sum(CASE WHEN price_zero THEN 1 ELSE 0 END) AS price_zero,
       sum(CASE WHEN outlier THEN 1 ELSE 0 END) AS outlier,
       sum(CASE WHEN outlier THEN amount ELSE 0 END) AS outlier_amount,
       sum(CASE WHEN customer IS NULL THEN 1 ELSE 0 END) AS anonymous
FROM order_lines
