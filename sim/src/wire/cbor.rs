//! CBOR as Smithy's rpcv2Cbor uses it (RFC 8949): a small writer, and a reader into JSON values.
//!
//! The writer always sends doubles in full width, because decoders of generated SDKs ask for exactly that type. The
//! reader turns epoch timestamps (tag 1) into numbers of seconds, so that one parser serves CBOR and JSON.

use ciborium::Value;

/// Writes CBOR items one after another; the caller keeps counts right.
#[derive(Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// A map of `pairs` keys, which the caller writes next.
    pub fn map(&mut self, pairs: usize) -> &mut Self {
        self.head(5, pairs as u64)
    }

    /// An array of `items`, which the caller writes next.
    pub fn array(&mut self, items: usize) -> &mut Self {
        self.head(4, items as u64)
    }

    /// A text string.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.head(3, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
        self
    }

    /// A double.
    pub fn double(&mut self, value: f64) -> &mut Self {
        self.out.push(0xfb);
        self.out.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// A timestamp: tag 1 around epoch seconds.
    pub fn timestamp(&mut self, epoch_seconds: f64) -> &mut Self {
        self.head(6, 1).double(epoch_seconds)
    }

    /// The bytes written.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    fn head(&mut self, major: u8, count: u64) -> &mut Self {
        let major = major << 5;
        let bytes = count.to_be_bytes();
        match count {
            0..=23 => self.out.push(major | bytes[7]),
            24..=0xff => self.out.extend_from_slice(&[major | 0x18, bytes[7]]),
            0x100..=0xffff => {
                self.out.push(major | 0x19);
                self.out.extend_from_slice(&bytes[6..]);
            }
            0x1_0000..=0xffff_ffff => {
                self.out.push(major | 0x1a);
                self.out.extend_from_slice(&bytes[4..]);
            }
            _ => {
                self.out.push(major | 0x1b);
                self.out.extend_from_slice(&bytes);
            }
        }
        self
    }
}

/// Reads one CBOR item as JSON.
pub fn to_json(bytes: &[u8]) -> Result<serde_json::Value, String> {
    if bytes.is_empty() {
        return Ok(serde_json::Value::Object(serde_json::Map::new()));
    }
    let value: Value = ciborium::from_reader(bytes).map_err(|e| format!("not CBOR: {e}"))?;
    convert(&value)
}

fn convert(value: &Value) -> Result<serde_json::Value, String> {
    Ok(match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(b) => (*b).into(),
        Value::Integer(i) => i64::try_from(*i)
            .map_err(|_| "an integer is out of range".to_owned())
            .map(Into::into)?,
        Value::Float(f) => (*f).into(),
        Value::Text(text) => text.clone().into(),
        Value::Tag(1, inner) => convert(inner)?,
        Value::Array(items) => items.iter().map(convert).collect::<Result<Vec<_>, _>>()?.into(),
        Value::Map(pairs) => {
            let mut map = serde_json::Map::new();
            for (key, value) in pairs {
                let key = key.as_text().ok_or("a map key is not text")?;
                map.insert(key.to_owned(), convert(value)?);
            }
            map.into()
        }
        other => return Err(format!("unexpected CBOR item {other:?}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut w = Writer::default();
        w.map(3);
        w.text("Values").array(2).double(1.0).double(0.5);
        w.text("At").timestamp(1_772_409_600.0);
        w.text("Name").text(&"n".repeat(300));
        let json = to_json(&w.finish()).unwrap();
        assert_eq!(json["Values"][1], 0.5);
        assert_eq!(json["At"], 1_772_409_600.0);
        assert_eq!(json["Name"].as_str().unwrap().len(), 300);
    }

    #[test]
    fn doubles_are_sent_in_full_width() {
        let mut w = Writer::default();
        w.double(1.0);
        assert_eq!(w.finish(), [0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]);
    }
}
