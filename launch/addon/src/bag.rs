//! rosbag2's SQLite files (`.db3`): their topics and their messages, a batch at a time.

use napi::bindgen_prelude::{BigInt, Buffer};
use napi_derive::napi;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};

use crate::{failure, guarded};

/// A topic of a bag; the definition is empty where the recorder wrote none, as those before ROS 2 Iron do.
#[napi(object)]
pub struct BagTopic {
    pub id: i64,
    pub name: String,
    pub r#type: String,
    pub encoding: String,
    pub definition_encoding: String,
    pub definition: String,
    pub count: i64,
    /// Of its messages; 0 where there are none.
    pub first_ns: BigInt,
    pub last_ns: BigInt,
}

#[napi(object)]
pub struct BagMessage {
    pub id: i64,
    pub topic: i64,
    pub time_ns: BigInt,
    pub bytes: Buffer,
}

/// Which messages come next.
#[napi(object)]
pub struct BagQuery {
    pub topics: Vec<i64>,
    /// Those behind the message of this time and this id in the order that was asked for.
    pub after_ns: BigInt,
    pub after_id: i64,
    /// The last time that counts.
    pub to_ns: BigInt,
    /// In the order of their times, which takes an index on them; of their ids if not.
    pub by_time: bool,
}

/// Messages and bytes after which a batch ends.
const BATCH_MESSAGES: usize = 1024;
const BATCH_BYTES: usize = 1 << 20;

fn damaged(error: rusqlite::Error) -> napi::Error {
    failure(format!("error[log/damaged]: {error}"))
}

/// The path as SQLite's URIs have it.
fn uri(path: &str, immutable: bool) -> String {
    let mut uri = String::from("file:");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            uri.push(byte as char);
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri.push_str(if immutable { "?mode=ro&immutable=1" } else { "?mode=ro" });
    uri
}

#[napi]
pub struct Bag {
    connection: Connection,
}

#[napi]
impl Bag {
    /// Opens a file for reading; an `immutable` one is read without locks, as it lies, and what a journal beside it holds
    /// does not count.
    #[napi(factory)]
    pub fn open(path: String, immutable: bool) -> napi::Result<Self> {
        guarded(|| {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(uri(&path, immutable), flags).map_err(damaged)?;
            // Files come from anywhere: what their schema might run is not trusted, their cells are checked as they are read.
            connection
                .execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA query_only = ON;")
                .map_err(damaged)?;
            Ok(Self { connection })
        })
    }

    /// The topics in the order in which they were recorded first. Throws `log/foreign` where the database is no bag.
    #[napi]
    pub fn topics(&self) -> napi::Result<Vec<BagTopic>> {
        guarded(|| {
            for (table, columns) in [
                ("topics", ["id", "name", "type", "serialization_format"].as_slice()),
                ("messages", ["id", "topic_id", "timestamp", "data"].as_slice()),
            ] {
                let found = self.columns(table).map_err(damaged)?;
                if let Some(missing) = columns.iter().find(|column| !found.iter().any(|each| each == *column)) {
                    return Err(failure(format!(
                        "error[log/foreign]: the database has no table \"{table}\" with a column \"{missing}\""
                    )));
                }
            }
            self.read_topics().map_err(damaged)
        })
    }

    /// Whether messages can be had in the order of their times without sorting all of them.
    #[napi]
    pub fn has_time_index(&self) -> napi::Result<bool> {
        guarded(|| {
            let mut statement = self
                .connection
                .prepare(
                    "SELECT 1 FROM pragma_index_list('messages') AS list, pragma_index_info(list.name) AS info \
                     WHERE info.seqno = 0 AND info.name = 'timestamp' AND list.partial = 0",
                )
                .map_err(damaged)?;
            statement.exists([]).map_err(damaged)
        })
    }

    /// The next messages; none where there are no more.
    #[napi]
    pub fn messages(&self, query: BagQuery) -> napi::Result<Vec<BagMessage>> {
        guarded(|| self.read_messages(&query).map_err(damaged))
    }
}

impl Bag {
    /// A table's columns; none where there is no such table.
    fn columns(&self, table: &str) -> rusqlite::Result<Vec<String>> {
        let mut statement = self.connection.prepare(
            "SELECT info.name FROM sqlite_schema AS it, pragma_table_info(it.name) AS info \
             WHERE it.type = 'table' AND it.name = ?1",
        )?;
        statement.query_map([table], |row| text(row, 0))?.collect()
    }

    fn read_topics(&self) -> rusqlite::Result<Vec<BagTopic>> {
        let definitions = self.columns("message_definitions")?;
        let has = |column: &str| definitions.iter().any(|each| each == column);
        let known = has("topic_type") && has("encoding") && has("encoded_message_definition");
        let definition = if known {
            "(SELECT encoding FROM message_definitions WHERE topic_type = t.type), \
             (SELECT encoded_message_definition FROM message_definitions WHERE topic_type = t.type)"
        } else {
            "'', ''"
        };
        let mut statement = self.connection.prepare(&format!(
            "SELECT t.id, t.name, t.type, t.serialization_format, {definition}, c.count, c.first, c.last FROM topics AS t \
             LEFT JOIN (SELECT topic_id, COUNT(*) AS count, MIN(timestamp) AS first, MAX(timestamp) AS last FROM messages \
             GROUP BY topic_id) AS c ON c.topic_id = t.id ORDER BY t.id"
        ))?;
        let topics = statement.query_map([], |row| {
            Ok(BagTopic {
                id: row.get(0)?,
                name: text(row, 1)?,
                r#type: text(row, 2)?,
                encoding: text(row, 3)?,
                definition_encoding: text(row, 4)?,
                definition: text(row, 5)?,
                count: row.get::<_, Option<i64>>(6)?.unwrap_or(0),
                first_ns: row.get::<_, Option<i64>>(7)?.unwrap_or(0).into(),
                last_ns: row.get::<_, Option<i64>>(8)?.unwrap_or(0).into(),
            })
        })?;
        topics.collect()
    }

    fn read_messages(&self, query: &BagQuery) -> rusqlite::Result<Vec<BagMessage>> {
        let topics = query.topics.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        let (after, order) = if query.by_time {
            ("timestamp >= ?1 AND (timestamp > ?1 OR id > ?2)", "timestamp, id")
        } else {
            ("id > ?2 AND ?1 = ?1", "id")
        };
        let mut statement = self.connection.prepare(&format!(
            "SELECT id, topic_id, timestamp, data FROM messages \
             WHERE {after} AND timestamp <= ?3 AND topic_id IN ({topics}) ORDER BY {order}"
        ))?;
        let mut rows = statement.query((query.after_ns.get_i64().0, query.after_id, query.to_ns.get_i64().0))?;
        let mut found = Vec::new();
        let mut bytes = 0;
        while found.len() < BATCH_MESSAGES && bytes < BATCH_BYTES {
            let Some(row) = rows.next()? else { break };
            let data = match row.get_ref(3)? {
                ValueRef::Blob(data) | ValueRef::Text(data) => data,
                ValueRef::Null => &[],
                other => {
                    let kind = other.data_type();
                    return Err(rusqlite::Error::InvalidColumnType(3, "data".to_owned(), kind));
                }
            };
            bytes += data.len();
            found.push(BagMessage {
                id: row.get(0)?,
                topic: row.get(1)?,
                time_ns: row.get::<_, i64>(2)?.into(),
                bytes: data.to_vec().into(),
            });
        }
        Ok(found)
    }
}

/// A text; what is no UTF-8 is replaced, what is absent is empty.
fn text(row: &Row, column: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        ValueRef::Integer(value) => value.to_string(),
        ValueRef::Real(value) => value.to_string(),
        ValueRef::Null => String::new(),
    })
}
