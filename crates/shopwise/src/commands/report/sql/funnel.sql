SELECT count(*) AS visits,
       sum(CASE WHEN views > 0 THEN 1 ELSE 0 END) AS viewed,
       sum(CASE WHEN views > 0 AND carts > 0 THEN 1 ELSE 0 END) AS carted,
       sum(CASE WHEN views > 0 AND carts > 0 AND orders > 0 THEN 1 ELSE 0 END) AS ordered,
       sum(CASE WHEN carts > 0 THEN 1 ELSE 0 END) AS carted_anyhow,
       sum(CASE WHEN orders > 0 THEN 1 ELSE 0 END) AS ordered_anyhow
FROM sessions
