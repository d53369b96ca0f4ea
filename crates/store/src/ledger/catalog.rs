//! What the shop sells and what it advertises.

use futures::TryStreamExt as _;
use shopwise_model::{Campaign, Product};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Ledger, count_change};
use crate::{Error, Result};

/// The counter of changes of the catalogue.
const VERSION: &str = "products";

impl Ledger {
    /// Adds products and replaces those of the same identifier, all or none.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn upsert_products(&self, products: &[Product], now: i64) -> Result<()> {
        self.block(async {
            let mut transaction = self.pool.begin().await?;
            for product in products {
                sqlx::query(
                    "INSERT INTO products
                     (id, title, category, brand, price, cost, stock, seller, hidden,
                     available_from, available_until, attributes, updated_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
                     ON CONFLICT (id) DO UPDATE SET title = excluded.title,
                     category = excluded.category, brand = excluded.brand, price = excluded.price,
                     cost = excluded.cost, stock = excluded.stock, seller = excluded.seller,
                     hidden = excluded.hidden, available_from = excluded.available_from,
                     available_until = excluded.available_until,
                     attributes = excluded.attributes, updated_at = excluded.updated_at",
                )
                .bind(&product.id)
                .bind(&product.title)
                .bind(&product.category)
                .bind(&product.brand)
                .bind(product.price)
                .bind(product.cost)
                .bind(product.stock)
                .bind(&product.seller)
                .bind(i64::from(product.is_hidden))
                .bind(product.available_from)
                .bind(product.available_until)
                .bind(serde_json::to_string(&product.attributes)?)
                .bind(now)
                .execute(&mut *transaction)
                .await?;
            }
            if !products.is_empty() {
                count_change(VERSION, &mut transaction).await?;
            }
            Ok(transaction.commit().await?)
        })
    }

    /// Returns the number of changes that the catalogue has seen: equal while it is the same.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn products_version(&self) -> Result<i64> {
        self.changes(VERSION)
    }

    /// Returns the catalogue, by identifier.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn products(&self) -> Result<Vec<Product>> {
        const SQL: &str = "SELECT id, title, category, brand, price, cost, stock, seller, hidden,
                           available_from, available_until, attributes FROM products";
        // One by one: a row as the database gives it takes several times what a product does.
        let mut products = self.block(async {
            let mut rows = sqlx::query(SQL).fetch(&self.pool);
            let mut products = Vec::new();
            while let Some(row) = rows.try_next().await? {
                products.push(product(&row)?);
            }
            Ok::<_, Error>(products)
        })?;
        // Sorted here: databases differ in how they compare text.
        products.sort_unstable_by(|left, right| left.id.cmp(&right.id));
        Ok(products)
    }

    /// Returns a product, if the catalogue has it.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn product(&self, id: &str) -> Result<Option<Product>> {
        const SQL: &str = "SELECT id, title, category, brand, price, cost, stock, seller, hidden,
                           available_from, available_until, attributes FROM products
                           WHERE id = $1";
        let row = self.block(sqlx::query(SQL).bind(id).fetch_optional(&self.pool))?;
        row.as_ref().map(product).transpose()
    }

    /// Returns at most `count` products by their identifiers in the order of the database, from the
    /// identifier `from` on.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn products_from(&self, from: &str, count: i64) -> Result<Vec<Product>> {
        const SQL: &str = "SELECT id, title, category, brand, price, cost, stock, seller, hidden,
                           available_from, available_until, attributes FROM products
                           WHERE id >= $1 ORDER BY id LIMIT $2";
        let query = sqlx::query(SQL).bind(from).bind(count);
        self.block(query.fetch_all(&self.pool))?.iter().map(product).collect()
    }

    /// Takes a product out of the catalogue; returns whether it was there.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn delete_product(&self, id: &str) -> Result<bool> {
        self.block(async {
            let mut transaction = self.pool.begin().await?;
            let query = sqlx::query("DELETE FROM products WHERE id = $1").bind(id);
            let was_there = query.execute(&mut *transaction).await?.rows_affected() == 1;
            if was_there {
                count_change(VERSION, &mut transaction).await?;
            }
            transaction.commit().await?;
            Ok(was_there)
        })
    }

    /// Adds campaigns and replaces those of the same identifier, all or none.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn upsert_campaigns(&self, campaigns: &[Campaign], now: i64) -> Result<()> {
        self.block(async {
            let mut transaction = self.pool.begin().await?;
            for campaign in campaigns {
                sqlx::query(
                    "INSERT INTO campaigns
                     (id, name, product, category, creative, bid_per_click, budget, budget_day,
                     starts_at, ends_at, segments, updated_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                     ON CONFLICT (id) DO UPDATE SET name = excluded.name,
                     product = excluded.product, category = excluded.category,
                     creative = excluded.creative, bid_per_click = excluded.bid_per_click,
                     budget = excluded.budget, budget_day = excluded.budget_day,
                     starts_at = excluded.starts_at, ends_at = excluded.ends_at,
                     segments = excluded.segments, updated_at = excluded.updated_at",
                )
                .bind(&campaign.id)
                .bind(&campaign.name)
                .bind(&campaign.product)
                .bind(&campaign.category)
                .bind(&campaign.creative)
                .bind(campaign.bid_per_click)
                .bind(campaign.budget)
                .bind(campaign.budget_day)
                .bind(campaign.starts_at)
                .bind(campaign.ends_at)
                .bind(serde_json::to_string(&campaign.segments)?)
                .bind(now)
                .execute(&mut *transaction)
                .await?;
            }
            Ok(transaction.commit().await?)
        })
    }

    /// Returns the campaigns, by identifier.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn campaigns(&self) -> Result<Vec<Campaign>> {
        const SQL: &str = "SELECT id, name, product, category, creative, bid_per_click, budget,
                           budget_day, starts_at, ends_at, segments FROM campaigns";
        let rows = self.block(sqlx::query(SQL).fetch_all(&self.pool))?;
        let mut campaigns = rows.iter().map(campaign).collect::<Result<Vec<_>>>()?;
        campaigns.sort_unstable_by(|left, right| left.id.cmp(&right.id));
        Ok(campaigns)
    }
}

fn product(row: &AnyRow) -> Result<Product> {
    Ok(Product {
        id: row.try_get("id")?,
        title: row.try_get("title")?,
        category: row.try_get("category")?,
        brand: row.try_get("brand")?,
        price: row.try_get("price")?,
        cost: row.try_get("cost")?,
        stock: row.try_get("stock")?,
        seller: row.try_get("seller")?,
        is_hidden: row.try_get::<i64, _>("hidden")? != 0,
        available_from: row.try_get("available_from")?,
        available_until: row.try_get("available_until")?,
        attributes: serde_json::from_str(row.try_get("attributes")?)?,
    })
}

fn campaign(row: &AnyRow) -> Result<Campaign> {
    Ok(Campaign {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        product: row.try_get("product")?,
        category: row.try_get("category")?,
        creative: row.try_get("creative")?,
        bid_per_click: row.try_get("bid_per_click")?,
        budget: row.try_get("budget")?,
        budget_day: row.try_get("budget_day")?,
        starts_at: row.try_get("starts_at")?,
        ends_at: row.try_get("ends_at")?,
        segments: serde_json::from_str(row.try_get("segments")?)?,
    })
}
