//! `lab lifetime`: when customers will buy again and for how much, fitted until a day and held
//! against what followed.
//!
//! All purchases of a customer on one day are one. Who first bought after the day is left out.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use rustc_hash::FxHashSet;
use serde_json::{Map, Value, json};
use shopwise_learn::lifetime::{
    self, BgNbd, DAYS_PER_UNIT, Estimate, Followed, GammaGamma, History, Outlook, Purchases,
};
use shopwise_model::frame::{Column, Frame, NULL_INT, Texts};

use super::{Clock, Shared, UsageError, names, table};

/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400_000_000;

/// The flags of `lab lifetime`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The purchases: .parquet, .csv or .tsv (the last two also .gz or .zst)
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Names of the columns of a text file without a header: a,b,c
    #[arg(long, value_name = "NAMES")]
    columns: Option<String>,
    /// Who bought
    #[arg(long, value_name = "COLUMN")]
    customer: String,
    /// When: dates as 2011-08-31, with or without a time
    #[arg(long, value_name = "COLUMN")]
    date: String,
    /// For how much
    #[arg(long, value_name = "COLUMN")]
    amount: String,
    /// The last day of what is known
    #[arg(long, value_name = "DATE")]
    observe_until: String,
    /// How many days after it are foretold
    #[arg(long, value_name = "DAYS")]
    horizon: u32,
    /// A table with the customers to keep, in a column of the same name; all when left out
    #[arg(long, value_name = "FILE")]
    customers: Option<PathBuf>,
    /// Where the table of customers is written
    #[arg(long, value_name = "FILE.parquet")]
    output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) shared: Shared,
}

/// The purchases, with customers as numbers.
struct Loaded {
    who: Who,
    buyers: Vec<u32>,
    days: Vec<i32>,
    amounts: Vec<f64>,
}

/// What the numbers of customers stand for.
enum Who {
    Numbers(Vec<i64>),
    Texts(Vec<String>),
}

/// Runs the command.
///
/// # Errors
/// [`UsageError`] for wrong flags, others for tables that say too little.
pub(super) fn run(arguments: &Arguments, clock: &mut Clock) -> Result<Map<String, Value>> {
    let until = day(&arguments.observe_until).ok_or_else(|| {
        let got = &arguments.observe_until;
        UsageError::new(format!("observe-until must be a date as 2011-08-31, got `{got}`"))
    })?;
    if let Some(path) = &arguments.output {
        table::check_output(path)?;
    }
    let (loaded, followed) = clock.time("load", || -> Result<_> {
        let loaded = load(arguments)?;
        let Loaded { buyers, days, amounts, .. } = &loaded;
        let followed =
            lifetime::follow(Purchases { buyers, days, amounts }, until, arguments.horizon)?;
        Ok((loaded, followed))
    })?;
    let histories: Vec<History> = followed.iter().map(|one| one.history).collect();
    let (purchases, amounts) = clock.time("fit", || -> Result<_> {
        Ok((BgNbd::fit(&histories, DAYS_PER_UNIT)?, GammaGamma::fit(&histories)?))
    })?;
    let horizon = f64::from(arguments.horizon);
    let outlook =
        clock.time("predict", || Outlook::new(&purchases, &amounts, &histories, horizon))?;
    if let Some(path) = &arguments.output {
        table::write(path, &customers(&loaded.who, &followed, &outlook, until))?;
    }
    let mut result = clock.time("evaluate", || evaluate(&followed, &outlook));
    let estimates = purchases.estimates().into_iter().map(|(name, one)| (name.to_owned(), one));
    let of_amounts = amounts.estimates();
    let of_amounts = of_amounts.into_iter().map(|(name, one)| (format!("gamma_gamma_{name}"), one));
    let estimates: Vec<(String, Estimate)> = estimates.chain(of_amounts).collect();
    let parameters: Map<String, Value> =
        estimates.iter().map(|(name, one)| (name.clone(), one.value.into())).collect();
    let intervals: Map<String, Value> =
        estimates.iter().map(|(name, one)| (name.clone(), json!(one.interval))).collect();
    result.insert("parameters".to_owned(), parameters.into());
    result.insert("parameter_intervals".to_owned(), intervals.into());
    result.insert("intervals_from".to_owned(), "hessian".into());
    result.insert("log_likelihood".to_owned(), purchases.log_likelihood.into());
    result.insert("log_likelihood_amounts".to_owned(), amounts.log_likelihood.into());
    result.insert("iterations".to_owned(), purchases.iterations.into());
    Ok(result)
}

/// Returns the day of a date as days since 1970-01-01.
fn day(text: &str) -> Option<i32> {
    let date: jiff::civil::Date = text.trim().parse().ok()?;
    let epoch = jiff::civil::Date::constant(1970, 1, 1);
    Some(epoch.until(date).ok()?.get_days())
}

fn load(arguments: &Arguments) -> Result<Loaded> {
    let columns = arguments.columns.as_deref().map(|text| names("--columns", text)).transpose()?;
    let frame = table::read(&arguments.input, columns.as_deref())?;
    let amounts = table::numbers(&frame, &arguments.amount)?;
    let days = days(&frame, &arguments.date)?;
    let kept = match &arguments.customers {
        None => None,
        Some(path) => Some(wanted(&table::read(path, None)?, &arguments.customer)?),
    };
    let (who, codes) = numbered(&frame, &arguments.customer)?;
    let is_kept = |code: u32| kept.as_ref().is_none_or(|kept| kept.contains(&who.name(code)));
    let chosen: Vec<bool> = (0..who.len() as u32).map(is_kept).collect();
    let mut loaded = Loaded { who, buyers: Vec::new(), days: Vec::new(), amounts: Vec::new() };
    for (row, code) in codes.into_iter().enumerate() {
        let Some(code) = code.filter(|code| chosen[*code as usize]) else { continue };
        let place = || format!("row {} of `{}`", row + 1, arguments.input.display());
        let day = days[row].with_context(|| {
            let name = &arguments.date;
            format!("column `{name}` must hold dates as 2011-08-31 ({})", place())
        })?;
        if !amounts[row].is_finite() {
            bail!("column `{}` has no value in {}", arguments.amount, place());
        }
        loaded.buyers.push(code);
        loaded.days.push(day);
        loaded.amounts.push(amounts[row]);
    }
    if loaded.buyers.is_empty() {
        bail!("`{}` has no purchases", arguments.input.display());
    }
    Ok(loaded)
}

fn days(frame: &Frame, name: &str) -> Result<Vec<Option<i32>>> {
    match frame.column(name)? {
        Column::Time(values) => {
            let day =
                |moment: &i64| (*moment != NULL_INT).then(|| moment.div_euclid(DAY_MICROS) as i32);
            Ok(values.iter().map(day).collect())
        }
        Column::Text(texts) => {
            let known: Vec<Option<i32>> = texts.values().iter().map(|text| day(text)).collect();
            let of_row =
                |row: usize| texts.get(row).and_then(|_| known[texts.codes()[row] as usize]);
            Ok((0..texts.len()).map(of_row).collect())
        }
        other => bail!("column `{name}` holds {}, not dates", other.kind().name()),
    }
}

/// Returns the number of each row's customer, and what the numbers stand for; none where missing.
fn numbered(frame: &Frame, name: &str) -> Result<(Who, Vec<Option<u32>>)> {
    match frame.column(name)? {
        Column::Int(values) => {
            let mut distinct: Vec<i64> =
                values.iter().copied().filter(|value| *value != NULL_INT).collect();
            distinct.sort_unstable();
            distinct.dedup();
            let code = |value: &i64| distinct.binary_search(value).ok().map(|place| place as u32);
            let codes = values.iter().map(code).collect();
            Ok((Who::Numbers(distinct), codes))
        }
        Column::Text(texts) => {
            let code = |row: usize| texts.get(row).map(|_| texts.codes()[row]);
            let codes = (0..texts.len()).map(code).collect();
            let values = texts.values().iter().map(|text| text.as_ref().to_owned()).collect();
            Ok((Who::Texts(values), codes))
        }
        other => bail!("column `{name}` holds {}, not names or whole numbers", other.kind().name()),
    }
}

fn wanted(frame: &Frame, name: &str) -> Result<FxHashSet<String>> {
    let (who, codes) = numbered(frame, name)?;
    Ok(codes.into_iter().flatten().map(|code| who.name(code)).collect())
}

impl Who {
    fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }

    fn name(&self, code: u32) -> String {
        match self {
            Self::Numbers(values) => values[code as usize].to_string(),
            Self::Texts(values) => values[code as usize].clone(),
        }
    }

    fn column(&self, codes: impl Iterator<Item = u32>) -> Column {
        match self {
            Self::Numbers(values) => Column::Int(codes.map(|code| values[code as usize]).collect()),
            Self::Texts(values) => {
                let mut texts = Texts::default();
                for code in codes {
                    texts.push(Some(&values[code as usize]));
                }
                Column::Text(texts)
            }
        }
    }
}

/// Returns the table of customers: what is known, what is expected, and what followed. Times are
/// in weeks, as models have them; `next_purchase` is the day on which half of those who are still
/// there have bought again.
fn customers(who: &Who, followed: &[Followed], outlook: &Outlook, until: i32) -> Frame {
    let float = |of: &dyn Fn(usize) -> f64| Column::Float((0..followed.len()).map(of).collect());
    let int = |of: &dyn Fn(usize) -> i64| Column::Int((0..followed.len()).map(of).collect());
    let (seen, ahead) = (|row: usize| &followed[row].history, |row: usize| &outlook.prospects[row]);
    let next = |row: usize| {
        let day = f64::from(until) + ahead(row).next_days.ceil();
        // Nothing beyond the year 9999.
        if day < 2_932_896.0 { day as i64 * DAY_MICROS } else { NULL_INT }
    };
    let value = |row: usize| ahead(row).expected * outlook.amounts[row];
    Frame::default()
        .with("customer", who.column(followed.iter().map(|one| one.buyer)))
        .with("frequency", int(&|row| i64::from(seen(row).repeats)))
        .with("recency", float(&|row| f64::from(seen(row).last) / DAYS_PER_UNIT))
        .with("age", float(&|row| f64::from(seen(row).age) / DAYS_PER_UNIT))
        .with("monetary_value", float(&|row| seen(row).amount))
        .with("alive", float(&|row| ahead(row).alive))
        .with("churn", float(&|row| ahead(row).silent))
        .with("next_purchase", Column::Time((0..followed.len()).map(next).collect()))
        .with("expected", float(&|row| ahead(row).expected))
        .with("expected_low", int(&|row| i64::from(ahead(row).low)))
        .with("expected_high", int(&|row| i64::from(ahead(row).high)))
        .with("value", float(&value))
        .with("actual", int(&|row| i64::from(followed[row].purchases)))
        .with("actual_value", float(&|row| followed[row].value))
}

fn evaluate(followed: &[Followed], outlook: &Outlook) -> Map<String, Value> {
    let pairs = followed.iter().zip(&outlook.prospects).zip(&outlook.amounts);
    let (mut counts, mut values) = (Pairs::default(), Pairs::default());
    for ((one, prospect), amount) in pairs {
        counts.add(prospect.expected, f64::from(one.purchases));
        values.add(prospect.expected * amount, one.value);
    }
    let silent: f64 = outlook.prospects.iter().map(|prospect| prospect.silent).sum();
    let quiet = followed.iter().filter(|one| one.purchases == 0).count();
    let both =
        |of: fn(&Pairs) -> Option<f64>| json!({"purchases": of(&counts), "value": of(&values)});
    let described = [
        ("customers", followed.len().into()),
        ("predicted", json!({"purchases": counts.left, "value": values.left, "silent": silent})),
        (
            "predicted_interval",
            json!({
                "purchases": outlook.purchases.interval,
                "value": outlook.value.interval,
            }),
        ),
        ("actual", json!({"purchases": counts.right, "value": values.right, "silent": quiet})),
        ("mae", both(|pairs| Some(pairs.off / pairs.count))),
        ("rmse", both(|pairs| Some((pairs.off_square / pairs.count).sqrt()))),
        ("correlation", both(Pairs::correlation)),
    ];
    described.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Sums over pairs of a forecast and what followed.
#[derive(Default)]
struct Pairs {
    count: f64,
    left: f64,
    right: f64,
    squares: [f64; 3],
    off: f64,
    off_square: f64,
}

impl Pairs {
    fn add(&mut self, left: f64, right: f64) {
        self.count += 1.0;
        self.left += left;
        self.right += right;
        for (sum, square) in self.squares.iter_mut().zip([left * left, left * right, right * right])
        {
            *sum += square;
        }
        self.off += (left - right).abs();
        self.off_square += (left - right).powi(2);
    }

    fn correlation(&self) -> Option<f64> {
        let [left, both, right] = self.squares;
        let spread = |square: f64, sum: f64| square - sum * sum / self.count;
        let product = spread(left, self.left) * spread(right, self.right);
        let covariance = both - self.left * self.right / self.count;
        (product > 0.0).then(|| covariance / product.sqrt())
    }
}
