SELECT count(*) AS products, sum(revenue) AS revenue,
       sum(CASE WHEN so_far - revenue < 0.8 * whole THEN 1 ELSE 0 END) AS products_to_80
FROM (
  SELECT revenue,
         sum(revenue) OVER (ORDER BY revenue DESC, product
                            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS so_far,
         sum(revenue) OVER () AS whole
  FROM product_features
  WHERE orders > 0
) AS ranked
