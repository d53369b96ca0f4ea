//! `shopwise simulate`: the events of a shop that does not exist, with the truth beside them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;
use shopwise_model::frame::{Column, Frame, NULL_INT, Texts};
use shopwise_model::money::units_from_micros;
use shopwise_model::{Calendar, Campaign, Product, Settings};
use shopwise_simulate::World;
use shopwise_stages::advertise::Desk;
use shopwise_store::lake::TableFile;

use crate::demo::{Office, Policy, live};
use crate::printer;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The folder for the files: events, products, campaigns and the truth
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// How many customers the shop has
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    customers: u32,
    /// Days under a policy that shows everything by chance
    #[arg(long, value_name = "D", default_value_t = 180)]
    days: u32,
    /// Decides everything that is drawn by chance
    #[arg(long, value_name = "S", default_value_t = 42)]
    seed: u64,
    /// How many products are sold
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    products: u32,
    /// How strong tastes are; 0 is a world in which there is nothing to learn
    #[arg(long, value_name = "STRENGTH", default_value_t = 1.0)]
    tastes: f64,
    /// How far the kinds of customers lie apart; from about 5 on they hardly overlap
    #[arg(long, value_name = "DISTANCE", default_value_t = 1.0)]
    separation: f64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let settings = shopwise_simulate::Settings {
        customers: arguments.customers,
        days: arguments.days,
        seed: arguments.seed,
        products: arguments.products,
        tastes: arguments.tastes,
        separation: arguments.separation,
        ..shopwise_simulate::Settings::default()
    };
    let mut world = World::new(&settings, ToOwned::to_owned)?;
    let folder = &arguments.output;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    world.keep_truth();
    let mut events = TableFile::new(&folder.join("events.parquet"));
    let mut truth = TableFile::new(&folder.join("truth_exposures.parquet"));
    let calendar = Calendar::of(&Settings::default()).context("UTC is a time zone")?;
    let mut office = Office {
        desk: Desk::new(world.campaigns().to_vec(), calendar),
        segments: vec![None; world.customers()],
        products: world.products().len(),
        seed: arguments.seed,
    };
    let bar = printer::bar("simulating");
    let mut rows = 0;
    for _ in 0..arguments.days {
        let each = &mut |day: &Frame| {
            rows += day.rows();
            Ok(events.write(day)?)
        };
        live(&mut world, &mut Policy::Random, &mut office, 1, each)?;
        truth.write(&world.take_truth())?;
        bar.set_position(rows as u64);
    }
    events.close()?;
    truth.close()?;
    bar.finish_and_clear();
    write(&folder.join("truth_customers.parquet"), &world.customers_truth())?;
    write(&folder.join("products.parquet"), &products(world.products()))?;
    write(&folder.join("campaigns.parquet"), &campaigns(world.campaigns()))?;
    let shown = folder.display();
    Ok(if arguments.json {
        json!({ "events": rows, "customers": world.customers(), "folder": shown.to_string() })
            .to_string()
    } else {
        format!(
            "wrote {rows} event lines to {shown}\n\
             next: shopwise init my-shop\n\
             \x20     shopwise import --shop my-shop --format products {shown}/products.parquet\n\
             \x20     shopwise import --shop my-shop --format campaigns {shown}/campaigns.parquet\n\
             \x20     shopwise import --shop my-shop --format csv {shown}/events.parquet\n\
             \x20     shopwise run --shop my-shop"
        )
    })
}

fn write(path: &Path, frame: &Frame) -> Result<()> {
    Ok(shopwise_store::lake::write_table_file(path, frame)?)
}

fn products(products: &[Product]) -> Frame {
    let text =
        |of: fn(&Product) -> Option<&str>| Column::Text(products.iter().map(of).collect::<Texts>());
    let money = |of: fn(&Product) -> Option<i64>| {
        let units = |product| of(product).map_or(f64::NAN, units_from_micros);
        Column::Float(products.iter().map(units).collect())
    };
    let stock = products.iter().map(|product| product.stock.unwrap_or(NULL_INT)).collect();
    Frame::default()
        .with("id", text(|product| Some(&product.id)))
        .with("title", text(|product| Some(&product.title)))
        .with("category", text(|product| product.category.as_deref()))
        .with("brand", text(|product| product.brand.as_deref()))
        .with("price", money(|product| product.price))
        .with("cost", money(|product| product.cost))
        .with("stock", Column::Int(stock))
}

fn campaigns(campaigns: &[Campaign]) -> Frame {
    let text = |of: &dyn Fn(&Campaign) -> Option<String>| {
        let mut texts = Texts::default();
        for campaign in campaigns {
            texts.push(of(campaign).as_deref());
        }
        Column::Text(texts)
    };
    let money = |of: fn(&Campaign) -> Option<i64>| {
        let units = |campaign| of(campaign).map_or(f64::NAN, units_from_micros);
        Column::Float(campaigns.iter().map(units).collect())
    };
    let time = |of: fn(&Campaign) -> i64| Column::Time(campaigns.iter().map(of).collect());
    Frame::default()
        .with("id", text(&|campaign| Some(campaign.id.clone())))
        .with("name", text(&|campaign| Some(campaign.name.clone())))
        .with("product", text(&|campaign| campaign.product.clone()))
        .with("category", text(&|campaign| campaign.category.clone()))
        .with("creative", text(&|campaign| Some(campaign.creative.clone())))
        .with("bid_per_click", money(|campaign| Some(campaign.bid_per_click)))
        .with("budget", money(|campaign| Some(campaign.budget)))
        .with("budget_day", money(|campaign| campaign.budget_day))
        .with("starts_at", time(|campaign| campaign.starts_at))
        .with("ends_at", time(|campaign| campaign.ends_at))
        .with("segments", text(&|campaign| Some(campaign.segments.join("|"))))
}
