//! Forms of the Query protocol, read strictly: a parameter that nobody asked for is an error.
//!
//! Operations *take* what they understand; [`Params::finish`] refuses whatever is left. List encodings are those of
//! the service model (`Prefix.Item.N`), see the `locationName`s in botocore's elasticache model.

use std::collections::BTreeMap;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use crate::service::ApiError;

/// The parameters of one call, by full name.
#[derive(Clone, Debug, Default)]
pub struct Params {
    map: BTreeMap<String, String>,
    prefix: String,
}

impl Params {
    /// Decodes `application/x-www-form-urlencoded`.
    pub fn decode(form: &[u8]) -> Result<Self, ApiError> {
        let text = std::str::from_utf8(form)
            .map_err(|_| ApiError::new("MalformedQueryString", 400, "The request body is not UTF-8."))?;
        let mut map = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (key, value) = (unescape(key), unescape(value));
            if map.insert(key.clone(), value).is_some() {
                return Err(ApiError::new(
                    "MalformedQueryString",
                    400,
                    format!("`{key}` is given twice."),
                ));
            }
        }
        Ok(Self {
            map,
            prefix: String::new(),
        })
    }

    /// From pairs, as other actors of a world call operations.
    pub fn from_pairs<const N: usize>(pairs: [(&str, String); N]) -> Self {
        Self {
            map: pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
            prefix: String::new(),
        }
    }

    /// Adds one parameter.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.map.insert(key.to_owned(), value.into());
    }

    /// Everything still there, for the call log.
    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.map
    }

    /// Takes an optional text.
    pub fn take(&mut self, key: &str) -> Option<String> {
        self.map.remove(key)
    }

    /// Takes a text that must be there and not be empty.
    pub fn required(&mut self, key: &str) -> Result<String, ApiError> {
        match self.take(key) {
            Some(value) if !value.is_empty() => Ok(value),
            _ => Err(ApiError::value(format!(
                "The parameter {}{key} must be provided.",
                self.prefix
            ))),
        }
    }

    /// Takes an optional Boolean.
    pub fn boolean(&mut self, key: &str) -> Result<Option<bool>, ApiError> {
        self.take(key)
            .map(|text| match text.as_str() {
                "true" => Ok(true),
                "false" => Ok(false),
                other => Err(ApiError::value(format!(
                    "{key} must be true or false, not `{other}`."
                ))),
            })
            .transpose()
    }

    /// Takes an optional whole number.
    pub fn integer(&mut self, key: &str) -> Result<Option<i64>, ApiError> {
        self.take(key)
            .map(|text| {
                text.parse()
                    .map_err(|_| ApiError::value(format!("{key} must be a number, not `{text}`.")))
            })
            .transpose()
    }

    /// Takes an optional ISO 8601 instant.
    pub fn instant(&mut self, key: &str) -> Result<Option<Timestamp>, ApiError> {
        self.take(key)
            .map(|text| {
                text.parse()
                    .map_err(|_| ApiError::value(format!("{key} must be an ISO 8601 time, not `{text}`.")))
            })
            .transpose()
    }

    /// Takes a list of texts, `prefix.item.1`, `prefix.item.2`…; `None` when it isn't given at all.
    pub fn texts(&mut self, prefix: &str, item: &str) -> Result<Option<Vec<String>>, ApiError> {
        let Some(groups) = self.groups(prefix, item)? else {
            return Ok(None);
        };
        let mut texts = Vec::with_capacity(groups.len());
        for group in groups {
            let mut map = group.map;
            match (map.remove(""), map.is_empty()) {
                (Some(text), true) => texts.push(text),
                _ => return Err(ApiError::value(format!("{prefix} must be a list of texts."))),
            }
        }
        Ok(Some(texts))
    }

    /// Takes a list of structures.
    pub fn structures(&mut self, prefix: &str, item: &str) -> Result<Option<Vec<Self>>, ApiError> {
        self.groups(prefix, item)
    }

    /// Refuses parameters that the operation doesn't know.
    pub fn finish(self) -> Result<(), ApiError> {
        if self.map.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = self
            .map
            .keys()
            .map(|key| format!("{}{key}", self.prefix))
            .collect();
        Err(ApiError::unknown(
            "UnknownParameter",
            format!(
                "The simulator doesn't know the parameter(s): {}.",
                names.join(", ")
            ),
        ))
    }

    fn groups(&mut self, prefix: &str, item: &str) -> Result<Option<Vec<Self>>, ApiError> {
        let dotted = format!("{prefix}.{item}.");
        let keys: Vec<String> = self
            .map
            .keys()
            .filter(|key| key.starts_with(&dotted))
            .cloned()
            .collect();
        let empty_list = self.map.remove(prefix);
        if keys.is_empty() {
            return Ok(empty_list.map(|_| Vec::new()));
        }
        let mut groups: BTreeMap<u32, Self> = BTreeMap::new();
        for key in keys {
            let Some(value) = self.map.remove(&key) else {
                continue;
            };
            let rest = &key[dotted.len()..];
            let (number, field) = rest.split_once('.').unwrap_or((rest, ""));
            let number: u32 = number
                .parse()
                .map_err(|_| ApiError::value(format!("`{key}` needs a number after {item}.")))?;
            let group = groups.entry(number).or_default();
            group.prefix = format!("{}{dotted}{number}.", self.prefix);
            group.map.insert(field.to_owned(), value);
        }
        Ok(Some(groups.into_values().collect()))
    }
}

fn unescape(text: &str) -> String {
    percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_lists_come_back_in_numeric_order() {
        let mut params = Params::decode(
            b"R.ConfigureShard.1.NodeGroupId=0001&R.ConfigureShard.1.Z.A.10=x&R.ConfigureShard.1.Z.A.2=a+b%2Fc",
        )
        .unwrap();
        let mut shards = params.structures("R", "ConfigureShard").unwrap().unwrap();
        assert_eq!(shards[0].required("NodeGroupId").unwrap(), "0001");
        assert_eq!(shards[0].texts("Z", "A").unwrap().unwrap(), ["a b/c", "x"]);
        params.finish().unwrap();
    }

    #[test]
    fn a_parameter_that_nobody_took_is_refused_by_name() {
        let params = Params::decode(b"Action=X&Frobnicate=1").unwrap();
        let error = params.finish().unwrap_err();
        assert_eq!(error.status, 400);
        assert!(error.message.contains("Frobnicate"), "{}", error.message);
    }

    #[test]
    fn an_empty_list_differs_from_no_list() {
        let mut params = Params::decode(b"Given=").unwrap();
        assert_eq!(params.texts("Given", "member").unwrap(), Some(vec![]));
        assert_eq!(params.texts("Absent", "member").unwrap(), None);
    }
}
