# Makes the bags beside it, as recorders of ROS 2 leave them: python3 make.py
import os
import shutil
import sqlite3
import struct

HUMBLE = """
CREATE TABLE schema(schema_version INTEGER PRIMARY KEY, ros_distro TEXT NOT NULL);
CREATE TABLE metadata(id INTEGER PRIMARY KEY, metadata_version INTEGER NOT NULL, metadata TEXT NOT NULL);
CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, serialization_format TEXT NOT NULL, offered_qos_profiles TEXT NOT NULL);
CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL, timestamp INTEGER NOT NULL, data BLOB NOT NULL);
"""
INDEX = "CREATE INDEX timestamp_idx ON messages (timestamp ASC);"
DEFINITIONS = """
ALTER TABLE topics ADD COLUMN type_description_hash TEXT NOT NULL DEFAULT '';
CREATE TABLE message_definitions(id INTEGER PRIMARY KEY, topic_type TEXT NOT NULL, encoding TEXT NOT NULL, encoded_message_definition TEXT NOT NULL, type_description_hash TEXT NOT NULL);
"""
START = 1_735_000_000_000_000_000
here = os.path.dirname(os.path.abspath(__file__))


def make(name, script, types, definitions=()):
    path = os.path.join(here, name)
    if os.path.exists(path):
        os.remove(path)
    bag = sqlite3.connect(path)
    bag.executescript("PRAGMA page_size = 512;" + script)
    for id, (topic, type) in enumerate(types, 1):
        bag.execute("INSERT INTO topics(id, name, type, serialization_format, offered_qos_profiles) VALUES (?, ?, ?, 'cdr', '')", (id, topic, type))
    for id, (type, encoding, text) in enumerate(definitions, 1):
        bag.execute("INSERT INTO message_definitions VALUES (?, ?, ?, ?, '')", (id, type, encoding, text))
    bag.commit()
    return bag, path


def write(bag, start, count):
    """Floats on topic 1 every 100 ms; two of them swapped in the order of writing, and a text of 1,000 bytes on topic 2 at each second."""
    numbers = list(range(start, start + count))
    numbers[1], numbers[2] = numbers[2], numbers[1]
    for n in numbers:
        time = START + n * 100_000_000
        bag.execute("INSERT INTO messages(topic_id, timestamp, data) VALUES (1, ?, ?)", (time, b"\0\1\0\0" + struct.pack("<f", n)))
        if n % 10 == 0:
            text = b"x" * 1000 + b"\0"
            bag.execute("INSERT INTO messages(topic_id, timestamp, data) VALUES (2, ?, ?)", (time, b"\0\1\0\0" + struct.pack("<I", len(text)) + text))
    bag.commit()


TYPES = [("/value", "std_msgs/msg/Float32"), ("/text", "std_msgs/msg/String")]
OWN = [("/value", "lab_msgs/msg/Level"), ("/text", "std_msgs/msg/String"), ("/silent", "std_msgs/msg/Empty")]
IDL = "module lab_msgs { module msg { struct Level { float level; }; }; };\n"

# ROS 2 Humble: no definitions.
bag, _ = make("humble.db3", HUMBLE + INDEX, TYPES)
write(bag, 0, 20)
bag.close()

# ROS 2 Jazzy: definitions, in both languages; a topic without messages.
bag, _ = make("jazzy.db3", HUMBLE + INDEX + DEFINITIONS, OWN, [
    ("lab_msgs/msg/Level", "ros2idl", "=" * 80 + "\nIDL: lab_msgs/msg/Level\n" + IDL),
    ("std_msgs/msg/String", "ros2msg", "string data\n"),
])
write(bag, 0, 20)
bag.close()

# Without the index on times.
bag, _ = make("no-index.db3", HUMBLE, TYPES)
write(bag, 0, 20)
bag.close()

# A recorder that was killed: half of the messages are in the journal beside.
bag, path = make("killed.db3", HUMBLE + INDEX, TYPES)
bag.execute("PRAGMA journal_mode = WAL")
bag.execute("PRAGMA wal_autocheckpoint = 0")
write(bag, 0, 10)
bag.execute("PRAGMA wal_checkpoint(TRUNCATE)")
write(bag, 10, 10)
for suffix in ("", "-wal"):
    shutil.copyfile(path + suffix, path + suffix + ".copy")
bag.close()
for suffix in ("", "-wal"):
    shutil.move(path + suffix + ".copy", path + suffix)

# A database that is no bag.
path = os.path.join(here, "no-bag.db3")
if os.path.exists(path):
    os.remove(path)
other = sqlite3.connect(path)
other.executescript("PRAGMA page_size = 512; CREATE TABLE messages(id INTEGER PRIMARY KEY, body TEXT);")
other.close()
