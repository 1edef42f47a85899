//! YAML (and JSON) text as a tree that remembers lines and repeated keys, so that every problem can say where it is.

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Spanned};
use std::fmt;

/// A value and the line on which it begins (0 where there is no text behind it).
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub line: u64,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Node>),
    /// In the order written, repeated keys included.
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub line: u64,
    pub name: String,
}

/// A text that is no YAML: where and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    pub line: Option<u64>,
    pub message: String,
}

/// The documents of a text, and what is wrong with the first one that can't be read (nothing after it can).
pub fn documents(text: &str) -> (Vec<Node>, Option<SyntaxError>) {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        budget: serde_saphyr::budget! { max_depth: 64 },
    };
    let mut bytes = text.as_bytes();
    let mut found = Vec::new();
    for document in serde_saphyr::read_with_options::<_, Node>(&mut bytes, options) {
        match document {
            Ok(Node {
                value: Value::Null, ..
            }) => {}
            Ok(node) => found.push(node),
            Err(error) => return (found, Some(syntax_error(&error))),
        }
    }
    (found, None)
}

fn syntax_error(error: &serde_saphyr::Error) -> SyntaxError {
    let message = error.without_snippet().to_string();
    SyntaxError {
        line: error.location().map(|l| l.line()).filter(|line| *line > 0),
        message: message.lines().next().unwrap_or_default().to_owned(),
    }
}

impl Node {
    /// The value of a key; the first one where it is repeated.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(k, _)| k.name == key).map(|(_, v)| v),
            _ => None,
        }
    }

    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    pub fn entries(&self) -> &[(Key, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// As written, shortened: what a problem quotes.
    pub fn shown(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(b) => b.to_string(),
            Value::Number(n) => n.to_string(),
            Value::Text(text) if text.chars().count() > 60 => {
                format!("{:?}…", text.chars().take(60).collect::<String>())
            }
            Value::Text(text) => format!("{text:?}"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }

    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(b) => (*b).into(),
            Value::Number(n) => n.clone().into(),
            Value::Text(text) => text.clone().into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|(k, v)| (k.name.clone(), v.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    pub fn of_json(json: &serde_json::Value) -> Self {
        let value = match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(b) => Value::Bool(*b),
            serde_json::Value::Number(n) => Value::Number(n.clone()),
            serde_json::Value::String(s) => Value::Text(s.clone()),
            serde_json::Value::Array(items) => Value::List(items.iter().map(Self::of_json).collect()),
            serde_json::Value::Object(map) => Value::Map(
                map.iter()
                    .map(|(k, v)| {
                        let key = Key {
                            line: 0,
                            name: k.clone(),
                        };
                        (key, Self::of_json(v))
                    })
                    .collect(),
            ),
        };
        Self { line: 0, value }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self {
            line: spanned.referenced.line(),
            value: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = Node::deserialize(deserializer)?;
        let name = match node.value {
            Value::Text(text) => text,
            Value::Null => "null".to_owned(),
            Value::Bool(b) => b.to_string(),
            Value::Number(n) => n.to_string(),
            Value::List(_) | Value::Map(_) => {
                return Err(de::Error::custom("a key must be a word, not a list or a mapping"));
            }
        };
        Ok(Self {
            line: node.line,
            name,
        })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }
    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(v)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not a finite number"))
    }
    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::Text(v.to_owned()))
    }
    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::Text(v))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry::<Key, Node>()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_lines_and_repeated_keys() {
        let (documents, error) =
            documents("# first\na: 1\nb:\n  - x\n  - y: 2.5\na: two\n---\n\n---\nc: true\n");
        assert_eq!(error, None);
        assert_eq!(documents.len(), 2);
        let keys: Vec<_> = documents[0]
            .entries()
            .iter()
            .map(|(k, v)| (k.name.as_str(), k.line, v.line))
            .collect();
        assert_eq!(keys, [("a", 2, 2), ("b", 3, 4), ("a", 6, 6)]);
        let items = documents[0].get("b").unwrap().items();
        assert_eq!((items[0].line, items[0].text()), (4, Some("x")));
        assert_eq!(items[1].get("y").unwrap().to_json(), serde_json::json!(2.5));
        assert_eq!(documents[1].get("c").unwrap().value, Value::Bool(true));
    }

    #[test]
    fn keeps_the_documents_before_a_syntax_error_and_says_its_line() {
        let (documents, error) = documents("a: 1\n---\nb: [1,\nc: }\n");
        assert_eq!(documents.len(), 1);
        let error = error.unwrap();
        assert!(matches!(error.line, Some(3..=4)), "{error:?}");
        assert!(!error.message.contains('\n'));
    }

    #[test]
    fn reads_json_with_tabs() {
        let (documents, error) = documents("{\n\t\"a\": {\n\t\t\"b\": [1, null]\n\t}\n}\n");
        assert_eq!(error, None);
        assert_eq!(documents[0].to_json(), serde_json::json!({"a": {"b": [1, null]}}));
    }
}
