//! Backups: all rows of the database at one moment, as text that does not depend on the database engine.
//!
//! Artifacts are rows too, so a backup contains everything except the master key and the logs of functions. The master
//! key is missing on purpose: a person with the backup and the key could read the secrets.

mod error;
mod format;
mod tables;

use std::io::{Read, Write};

use futures_util::TryStreamExt as _;
use jelou_core::Clock;
use sqlx::any::{AnyRow, AnyTypeInfoKind};
use sqlx::{AssertSqlSafe, Column as _, Row as _, ValueRef as _};

use crate::database::row::Columns as _;
use crate::database::{Connection, Database, DatabaseError, StoreConfig};

pub use error::BackupError;
pub use format::{Header, Trailer};
use format::{Part, Reader, Value, Writer};
use tables::{TABLES, Table};

/// The content of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    pub header: Header,
    pub trailer: Trailer,
}

/// Writes a backup of the database. A server may use the database at the same time.
///
/// # Errors
/// [`BackupError::OtherDatabase`] when the database has another schema. [`BackupError::NoTables`].
/// [`BackupError::Database`] when there is no database, or it cannot be read. [`BackupError::Write`].
pub async fn write(
    config: &StoreConfig,
    version: &str,
    clock: &Clock,
    out: impl Write + Send,
) -> Result<Contents, BackupError> {
    let database = Database::connect_existing(config).await?;
    let schema = database.schema_state().await?.database;
    let schema = schema.ok_or(BackupError::NoTables)?;
    let mut state = database.snapshot().await?;
    let program = crate::database::LATEST_SCHEMA;
    if schema != program {
        return Err(BackupError::OtherDatabase {
            database: schema,
            program,
        });
    }
    let header = Header::new(version, schema, clock.now().to_string());
    let mut writer = Writer::new(out, &header)?;
    for table in TABLES {
        write_table(&mut state, table, &mut writer).await?;
    }
    drop(state);
    let trailer = writer.finish()?;
    Ok(Contents { header, trailer })
}

async fn write_table<W: Write + Send>(
    connection: &mut Connection,
    table: &Table,
    writer: &mut Writer<'_, W>,
) -> Result<(), BackupError> {
    let select = format!("SELECT * FROM {} ORDER BY {}", table.name, table.key);
    let mut rows = sqlx::query(AssertSqlSafe(select)).fetch(connection);
    let mut columns: Option<Vec<String>> = None;
    let mut names_key = false;
    while let Some(row) = rows.try_next().await? {
        if columns.is_none() {
            // Sorted, because the order of the columns depends on the engine.
            let mut names: Vec<String> =
                row.columns().iter().map(|c| c.name().to_owned()).collect();
            names.sort();
            writer.table(table, &names)?;
            names_key = names.iter().any(|name| name == "key_id");
            columns = Some(names);
        }
        let columns = columns.iter().flatten();
        let values = columns
            .map(|column| value(&row, column))
            .collect::<Result<Vec<_>, _>>()?;
        if names_key {
            writer.key(&row.text("key_id")?);
        }
        writer.row(table, &values)?;
    }
    Ok(())
}

fn value(row: &AnyRow, column: &str) -> Result<Value, DatabaseError> {
    let raw = row.try_get_raw(column)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    match raw.type_info().kind() {
        AnyTypeInfoKind::SmallInt | AnyTypeInfoKind::Integer | AnyTypeInfoKind::BigInt => {
            row.number(column).map(Value::Number)
        }
        AnyTypeInfoKind::Text => row.text(column).map(Value::Text),
        AnyTypeInfoKind::Blob => row.bytes(column).map(|bytes| Value::of_bytes(&bytes)),
        other => Err(DatabaseError::corrupt(
            column,
            format_args!("no column has the type {other:?}"),
        )),
    }
}

/// Reads a whole backup and checks it, without a database.
///
/// # Errors
/// [`BackupError::NotABackup`], [`BackupError::Line`], [`BackupError::Incomplete`], [`BackupError::Damaged`] and
/// [`BackupError::Read`] describe what is wrong with the backup.
pub fn verify(input: impl Read) -> Result<Contents, BackupError> {
    let (mut reader, header) = Reader::new(input)?;
    loop {
        if let Part::End(trailer) = reader.next()? {
            return Ok(Contents { header, trailer });
        }
    }
}

/// Restores a backup into a database that is empty or does not exist. On an error, the database is as before.
///
/// # Errors
/// [`BackupError::NotEmpty`], [`BackupError::OtherSchema`], the errors of [`verify`], and [`BackupError::Database`].
pub async fn restore(
    config: &StoreConfig,
    input: impl Read + Send,
) -> Result<Contents, BackupError> {
    let (mut reader, header) = Reader::new(input)?;
    let program = crate::database::LATEST_SCHEMA;
    if header.schema != program {
        return Err(BackupError::OtherSchema {
            backup: header.schema,
            version: header.version,
            program,
        });
    }
    let database = Database::open(config).await?;
    let mut write = database.write().await?;
    write.allow_pauses().await?;
    let connection = write.transaction();
    make_room(connection).await?;
    let trailer = read_rows(&mut reader, connection).await?;
    write.commit().await?;
    database.close().await?;
    Ok(Contents { header, trailer })
}

/// Checks that the database is empty, and removes the first row of `revision`, which a new database has.
async fn make_room(connection: &mut Connection) -> Result<(), BackupError> {
    sqlx::query("DELETE FROM revision WHERE value = 0")
        .execute(&mut *connection)
        .await?;
    for table in TABLES {
        let any = format!("SELECT 1 AS one FROM {} LIMIT 1", table.name);
        let any = sqlx::query(AssertSqlSafe(any)).fetch_optional(&mut *connection);
        if any.await?.is_some() {
            return Err(BackupError::NotEmpty(table.name));
        }
    }
    Ok(())
}

async fn read_rows<R: Read>(
    reader: &mut Reader<R>,
    connection: &mut Connection,
) -> Result<Trailer, BackupError> {
    let mut current: Option<(&Table, Vec<String>)> = None;
    let mut late = Vec::new();
    loop {
        match reader.next()? {
            Part::Table { table, columns } => current = Some((table, columns)),
            Part::Row(mut values) => {
                let Some((table, columns)) = &current else {
                    continue;
                };
                if let Some(column) = table.late
                    && let Some(place) = columns.iter().position(|name| name == column)
                {
                    let value = std::mem::replace(&mut values[place], Value::Null);
                    let key = columns.iter().position(|name| name == table.key);
                    if let (Some(key), false) = (key, value == Value::Null) {
                        late.push((*table, column, value, values[key].clone()));
                    }
                }
                insert(connection, table, columns, &values).await?;
            }
            Part::End(trailer) => {
                for (table, column, value, key) in late {
                    let update = format!(
                        "UPDATE {} SET {column} = $1 WHERE {} = $2",
                        table.name, table.key
                    );
                    let query = sqlx::query(AssertSqlSafe(update));
                    bind(bind(query, &value)?, &key)?
                        .execute(&mut *connection)
                        .await?;
                }
                return Ok(trailer);
            }
        }
    }
}

async fn insert(
    connection: &mut Connection,
    table: &Table,
    columns: &[String],
    values: &[Value],
) -> Result<(), BackupError> {
    // Omits nulls: a bound null has a type, which may differ from the type of the column.
    let present = columns.iter().zip(values);
    let present: Vec<_> = present
        .filter(|(_, value)| **value != Value::Null)
        .collect();
    let names: Vec<&str> = present.iter().map(|(name, _)| name.as_str()).collect();
    let places: Vec<String> = (1..=present.len()).map(|n| format!("${n}")).collect();
    let insert = format!(
        "INSERT INTO {} ({}) VALUES ({})",
        table.name,
        names.join(", "),
        places.join(", ")
    );
    let mut query = sqlx::query(AssertSqlSafe(insert));
    for (_, value) in present {
        query = bind(query, value)?;
    }
    let inserted = query.execute(connection).await;
    inserted.map(drop).map_err(|error| match error.into() {
        away @ DatabaseError::Unavailable(_) => away.into(),
        source => BackupError::Row {
            table: table.name,
            row: key_of(table, columns, values),
            source,
        },
    })
}

/// Describes a row by its primary key, without values that may be secret.
fn key_of(table: &Table, columns: &[String], values: &[Value]) -> String {
    let part = |key: &str| {
        let place = columns.iter().position(|name| name == key)?;
        match &values[place] {
            Value::Text(text) => Some(format!("{key} = `{}`", text.escape_debug())),
            Value::Number(number) => Some(format!("{key} = {number}")),
            Value::Bytes { base64 } => Some(format!("{key} = {base64} (base64)")),
            Value::Null => None,
        }
    };
    let parts: Vec<_> = table.key.split(", ").filter_map(part).collect();
    parts.join(", ")
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments>;

fn bind<'q>(query: Query<'q>, value: &Value) -> Result<Query<'q>, BackupError> {
    Ok(match value {
        Value::Null => query,
        Value::Number(number) => query.bind(*number),
        Value::Text(text) => query.bind(text.clone()),
        Value::Bytes { base64 } => query.bind(
            Value::bytes(base64).map_err(|error| DatabaseError::corrupt("the backup", error))?,
        ),
    })
}
