//! Frames to Arrow and back.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Field, Float64Type, Int64Type, Schema, TimeUnit, TimestampMicrosecondType,
};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use deltalake::kernel::{DataType as DeltaType, StructField};
use shopwise_model::frame::{Column, Frame, Kind, NULL_INT, Texts};
use shopwise_model::tables::Table;

use crate::error::{Error, Result};

fn arrow_type(kind: Kind) -> DataType {
    match kind {
        Kind::Int => DataType::Int64,
        Kind::Float => DataType::Float64,
        Kind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::Bool => DataType::Boolean,
        Kind::Text => DataType::Utf8,
        Kind::Id => DataType::Binary,
    }
}

/// Returns the Arrow schema of `table`; every column may be missing, so that later versions can
/// add.
pub(super) fn arrow_schema(table: &Table) -> Arc<Schema> {
    let fields: Vec<Field> = table
        .fields
        .iter()
        .map(|field| Field::new(field.name, arrow_type(field.kind), true))
        .collect();
    Arc::new(Schema::new(fields))
}

/// Returns the columns of `table` as Delta declares them.
pub(super) fn delta_fields(table: &Table) -> Result<Vec<StructField>> {
    let delta_type = |kind| match kind {
        Kind::Int => DeltaType::LONG,
        Kind::Float => DeltaType::DOUBLE,
        Kind::Time => DeltaType::TIMESTAMP,
        Kind::Bool => DeltaType::BOOLEAN,
        Kind::Text => DeltaType::STRING,
        Kind::Id => DeltaType::BINARY,
    };
    Ok(table
        .fields
        .iter()
        .map(|field| StructField::new(field.name, delta_type(field.kind), true))
        .collect())
}

/// Returns whether the table as it stands has the columns of `table`, in their order.
pub(super) fn has_columns(opened: &deltalake::DeltaTable, table: &Table) -> Result<bool> {
    let schema = opened.snapshot()?.schema();
    Ok(delta_fields(table)?.iter().eq(schema.fields()))
}

/// Returns a table without rows for queries over what was never written.
pub(super) fn empty_table(table: &Table) -> Result<Arc<MemTable>> {
    let schema = arrow_schema(table);
    let empty = RecordBatch::new_empty(Arc::clone(&schema));
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![empty]])?))
}

/// Returns the frame as one batch with the columns of `table`, which must all be there.
pub(super) fn batch_of_table(table: &Table, frame: &Frame) -> Result<RecordBatch> {
    let mut arrays = Vec::with_capacity(table.fields.len());
    for field in table.fields {
        let column = frame.column(field.name)?;
        if column.kind() != field.kind {
            return Err(Error::Lake(format!(
                "column `{}` of table `{}` holds {}, not {}",
                field.name,
                table.name,
                column.kind().name(),
                field.kind.name()
            )));
        }
        arrays.push(array_of(column));
    }
    Ok(RecordBatch::try_new(arrow_schema(table), arrays)?)
}

/// Returns the frame as one batch.
pub(super) fn batch_of_frame(frame: &Frame) -> Result<RecordBatch> {
    let fields: Vec<Field> = frame
        .names()
        .iter()
        .zip(frame.columns())
        .map(|(name, column)| Field::new(name, arrow_type(column.kind()), true))
        .collect();
    let arrays = frame.columns().iter().map(array_of).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

fn array_of(column: &Column) -> ArrayRef {
    let present = |value: &i64| (*value != NULL_INT).then_some(*value);
    match column {
        Column::Int(values) => Arc::new(values.iter().map(present).collect::<Int64Array>()),
        Column::Float(values) => Arc::new(
            values
                .iter()
                .map(|value| (!value.is_nan()).then_some(*value))
                .collect::<Float64Array>(),
        ),
        Column::Time(values) => Arc::new(
            values.iter().map(present).collect::<TimestampMicrosecondArray>().with_timezone("UTC"),
        ),
        Column::Bool(values) => Arc::new(BooleanArray::from(values.clone())),
        Column::Text(texts) => Arc::new(texts.iter().collect::<StringArray>()),
        Column::Id(values) => Arc::new(values.iter().map(Some).collect::<BinaryArray>()),
    }
}

/// Returns the rows of all batches as one frame. Decimals, small integers, dates and dictionaries
/// become the nearest of the six kinds.
pub(super) fn frame_from_batches(schema: &Schema, batches: &[RecordBatch]) -> Result<Frame> {
    let mut frame = Frame::default();
    for (at, field) in schema.fields().iter().enumerate() {
        let mut column = Column::empty(kind_of(field.data_type(), field.name())?);
        for batch in batches {
            extend(&mut column, batch.column(at))?;
        }
        frame = frame.with(field.name(), column);
    }
    Ok(frame)
}

fn kind_of(data_type: &DataType, name: &str) -> Result<Kind> {
    Ok(match data_type {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Kind::Int,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => Kind::Int,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Kind::Float,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) => Kind::Float,
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Kind::Time,
        DataType::Boolean => Kind::Bool,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => Kind::Text,
        DataType::Binary | DataType::BinaryView | DataType::FixedSizeBinary(16) => Kind::Id,
        DataType::Dictionary(_, value) => kind_of(value, name)?,
        other => {
            return Err(Error::Lake(format!("column `{name}` holds `{other}`, which is not read")));
        }
    })
}

fn extend(column: &mut Column, array: &ArrayRef) -> Result<()> {
    let array = cast(array, &arrow_type(column.kind()))?;
    match column {
        Column::Int(values) => {
            values.extend(array.as_primitive::<Int64Type>().iter().map(|v| v.unwrap_or(NULL_INT)));
        }
        Column::Float(values) => {
            values
                .extend(array.as_primitive::<Float64Type>().iter().map(|v| v.unwrap_or(f64::NAN)));
        }
        Column::Time(values) => {
            let times = array.as_primitive::<TimestampMicrosecondType>();
            values.extend(times.iter().map(|v| v.unwrap_or(NULL_INT)));
        }
        Column::Bool(values) => {
            values.extend(array.as_boolean().iter().map(|value| value.unwrap_or(false)));
        }
        Column::Text(texts) => extend_texts(texts, array.as_string::<i32>()),
        Column::Id(values) => {
            for value in array.as_binary::<i32>() {
                let id = value.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
                values.push(id.unwrap_or([0; 16]));
            }
        }
    }
    Ok(())
}

/// Adds text rows; a value equal to its predecessor is not looked up again.
fn extend_texts(texts: &mut Texts, array: &StringArray) {
    let mut last: Option<(&str, u32)> = None;
    for value in array {
        match (value, last) {
            (None, _) => texts.push(None),
            (Some(text), Some((previous, code))) if text == previous => texts.push_code(code),
            (Some(text), _) => {
                let code = texts.intern(text);
                texts.push_code(code);
                last = Some((text, code));
            }
        }
    }
}
