//! Transforms as messages: reads tf2_msgs/msg/TFMessage, writes geometry_msgs/msg/TransformStamped.

use super::transform::Transform;
use crate::codec::{CodecError, Number, Primitive, Reader};

/// What a message tells of one frame.
pub struct Told {
    pub time: i64,
    pub parent: String,
    pub child: String,
    pub transform: Transform,
}

const SECOND: i64 = 1_000_000_000;

/// The transforms of a message. Room is made for as many as there are bytes for.
pub fn read_transforms(message: &[u8]) -> Result<Vec<Told>, CodecError> {
    let mut reader = Reader::new("tf2_msgs/msg/TFMessage", message)?;
    let count = reader.length("transforms")?;
    let mut told = Vec::new();
    for _ in 0..count {
        let seconds = whole(reader.number(Primitive::I32, "transforms[*].header.stamp")?);
        let nanoseconds = whole(reader.number(Primitive::U32, "transforms[*].header.stamp")?);
        let parent = frame(reader.string("transforms[*].header.frame_id")?);
        let child = frame(reader.string("transforms[*].child_frame_id")?);
        let mut numbers = [0.0; 7];
        for number in &mut numbers {
            if let Number::Real(real) = reader.number(Primitive::F64, "transforms[*].transform")? {
                *number = real;
            }
        }
        let [x, y, z, rotation @ ..] = numbers;
        let transform = Transform { translation: [x, y, z], rotation };
        told.push(Told { time: seconds * SECOND + nanoseconds, parent, child, transform });
    }
    Ok(told)
}

fn whole(number: Number) -> i64 {
    match number {
        // Of 32 bits.
        Number::Whole(whole) => whole as i64,
        Number::Single(_) | Number::Real(_) => 0,
    }
}

/// A frame's name; the first tf began them with a slash, which means nothing.
fn frame(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    name.strip_prefix('/').unwrap_or(&name).to_owned()
}

/// A message that says where `child` is in `parent`; nowhere, all numbers are 0.
pub fn write_transform(time: i64, parent: &str, child: &str, transform: Option<&Transform>) -> Vec<u8> {
    let mut out = vec![0, 1, 0, 0];
    let seconds = i32::try_from(time.div_euclid(SECOND)).unwrap_or(i32::MAX);
    out.extend(seconds.to_le_bytes());
    out.extend((time.rem_euclid(SECOND) as u32).to_le_bytes());
    for name in [parent, child] {
        align(&mut out, 4);
        out.extend((name.len() as u32 + 1).to_le_bytes());
        out.extend(name.as_bytes());
        out.push(0);
    }
    align(&mut out, 8);
    let (translation, rotation) = transform.map_or(([0.0; 3], [0.0; 4]), |each| (each.translation, each.rotation));
    for number in translation.iter().chain(&rotation) {
        out.extend(number.to_le_bytes());
    }
    out
}

/// Fills up to where numbers of a size begin, counted from behind the header.
fn align(out: &mut Vec<u8>, size: usize) {
    let body = out.len() - 4;
    out.resize(4 + body.next_multiple_of(size), 0);
}
