//! Models, the order in which they were published, and the way back.

use serde_json::Value;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Ledger, json};
use crate::{Error, Result};

/// A model that was made.
#[derive(Debug, Clone)]
pub struct NewModel<'a> {
    /// The model's name.
    pub name: &'a str,
    /// Its version: the folder's name.
    pub version: i64,
    /// What stands in `manifest.json`.
    pub manifest: Value,
    /// What was measured.
    pub metrics: Value,
    /// What the simple model reached in its place.
    pub baseline: Value,
}

/// A model as it stands in the ledger.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Model {
    /// The model's name.
    pub name: String,
    /// Its version: the folder's name.
    pub version: i64,
    /// What stands in `manifest.json`.
    pub manifest: Value,
    /// What was measured.
    pub metrics: Value,
    /// What the simple model reached in its place.
    pub baseline: Value,
    /// When it was made, UTC microseconds.
    pub created_at: i64,
    /// Whether it serves.
    pub serving: bool,
}

impl Ledger {
    /// Adds a model, which does not serve before [`Ledger::publish`].
    ///
    /// # Errors
    /// When the version exists, or the database refuses.
    pub fn add_model(&self, model: &NewModel<'_>, now: i64) -> Result<()> {
        let query = sqlx::query(
            "INSERT INTO models (name, version, manifest, metrics, baseline, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(model.name)
        .bind(model.version)
        .bind(model.manifest.to_string())
        .bind(model.metrics.to_string())
        .bind(model.baseline.to_string())
        .bind(now);
        self.block(query.execute(&self.pool))?;
        Ok(())
    }

    /// Lets a version of a model serve.
    ///
    /// # Errors
    /// When there is no such model, or the database refuses.
    pub fn publish(&self, name: &str, version: i64, now: i64) -> Result<()> {
        let added = self.block(async {
            let id = self.next_number("publication").await?;
            let done = sqlx::query(
                "INSERT INTO publications (id, name, version, published_at)
                 SELECT $1, name, version, $2 FROM models WHERE name = $3 AND version = $4",
            )
            .bind(id)
            .bind(now)
            .bind(name)
            .bind(version)
            .execute(&self.pool)
            .await?;
            Result::Ok(done.rows_affected())
        })?;
        if added == 0 {
            return Err(Error::Settings(format!("there is no model `{name}` version `{version}`")));
        }
        Ok(())
    }

    /// Returns the model that serves, if one was published.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn serving(&self, name: &str) -> Result<Option<Model>> {
        Ok(self.models()?.into_iter().find(|model| model.serving && model.name == name))
    }

    /// Lets the version serve that served before. Returns it.
    ///
    /// # Errors
    /// When there is none, or the database refuses.
    pub fn rollback(&self, name: &str, now: i64) -> Result<Model> {
        let query = sqlx::query(
            "UPDATE publications SET withdrawn_at = $1
             WHERE id = (SELECT MAX(id) FROM publications
             WHERE name = $2 AND withdrawn_at IS NULL)
             AND 1 < (SELECT COUNT(*) FROM publications
             WHERE name = $2 AND withdrawn_at IS NULL)",
        )
        .bind(now)
        .bind(name);
        let withdrawn = self.block(query.execute(&self.pool))?.rows_affected();
        match self.serving(name)? {
            Some(model) if withdrawn == 1 => Ok(model),
            _ => {
                Err(Error::Settings(format!("model `{name}` has no earlier version to return to")))
            }
        }
    }

    /// Returns all models by name, newest version first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn models(&self) -> Result<Vec<Model>> {
        const SQL: &str = "SELECT name, version, manifest, metrics, baseline, created_at,
             CASE WHEN version = (SELECT p.version FROM publications p WHERE p.name = models.name
             AND p.withdrawn_at IS NULL ORDER BY p.id DESC LIMIT 1) THEN 'yes' ELSE 'no' END
             AS serving FROM models";
        let rows = self.block(sqlx::query(SQL).fetch_all(&self.pool))?;
        let mut models = rows.iter().map(model).collect::<Result<Vec<_>>>()?;
        models.sort_by(|left, right| {
            left.name.cmp(&right.name).then(right.version.cmp(&left.version))
        });
        Ok(models)
    }
}

fn model(row: &AnyRow) -> Result<Model> {
    Ok(Model {
        name: row.try_get("name")?,
        version: row.try_get("version")?,
        manifest: json(row, "manifest")?,
        metrics: json(row, "metrics")?,
        baseline: json(row, "baseline")?,
        created_at: row.try_get("created_at")?,
        serving: row.try_get::<&str, _>("serving")? == "yes",
    })
}
