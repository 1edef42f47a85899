//! Between forms, JSON values and flat pairs.
//!
//! One parser reads CloudWatch requests, so forms are turned into the value that JSON would be; the call log keeps flat
//! pairs, so values are flattened.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A Query form as the JSON value that the other formats would send: `.member.N` becomes an array, and the few members
/// that aren't text get their types.
pub fn form_to_json(form: &BTreeMap<String, String>) -> Value {
    fn tree<'a>(pairs: &[(&'a str, &'a str)]) -> Value {
        if let [("", value)] = pairs {
            return (*value).into();
        }
        let mut groups: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for (key, value) in pairs {
            let (head, rest) = key.split_once('.').unwrap_or((key, ""));
            groups.entry(head).or_default().push((rest, value));
        }
        if groups.len() == 1
            && let Some(items) = groups.get("member")
        {
            let mut numbered: BTreeMap<u32, Vec<(&str, &str)>> = BTreeMap::new();
            for (key, value) in items {
                let (number, rest) = key.split_once('.').unwrap_or((key, ""));
                numbered
                    .entry(number.parse().unwrap_or_default())
                    .or_default()
                    .push((rest, value));
            }
            return numbered.values().map(|pairs| tree(pairs)).collect();
        }
        let mut map = Map::new();
        for (head, pairs) in groups {
            let value = match (head, tree(&pairs)) {
                ("Period" | "MaxDatapoints", Value::String(text)) => {
                    text.parse::<i64>().map_or(Value::String(text), Into::into)
                }
                ("ReturnData", Value::String(text)) => {
                    text.parse::<bool>().map_or(Value::String(text), Into::into)
                }
                (_, value) => value,
            };
            map.insert(head.to_owned(), value);
        }
        Value::Object(map)
    }
    let pairs: Vec<(&str, &str)> = form
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    tree(&pairs)
}

/// A JSON value as flat pairs, for the call log.
pub fn flatten(value: &Value) -> BTreeMap<String, String> {
    fn walk(prefix: &str, value: &Value, out: &mut BTreeMap<String, String>) {
        let join = |key: &str| {
            if prefix.is_empty() {
                key.to_owned()
            } else {
                format!("{prefix}.{key}")
            }
        };
        match value {
            Value::Object(map) => {
                map.iter().for_each(|(key, value)| walk(&join(key), value, out));
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    walk(&join(&(index + 1).to_string()), item, out);
                }
            }
            Value::String(text) => {
                out.insert(prefix.to_owned(), text.clone());
            }
            other => {
                out.insert(prefix.to_owned(), other.to_string());
            }
        }
    }
    let mut out = BTreeMap::new();
    walk("", value, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_become_the_value_that_json_would_be() {
        let form = [
            ("StartTime", "2026-03-02T00:00:00Z"),
            ("MetricDataQueries.member.1.Id", "m1"),
            ("MetricDataQueries.member.1.MetricStat.Period", "60"),
            (
                "MetricDataQueries.member.1.MetricStat.Metric.Dimensions.member.1.Name",
                "CacheClusterId",
            ),
        ];
        let form = form
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let json = form_to_json(&form);
        assert_eq!(json["MetricDataQueries"][0]["MetricStat"]["Period"], 60);
        assert_eq!(
            json["MetricDataQueries"][0]["MetricStat"]["Metric"]["Dimensions"][0]["Name"],
            "CacheClusterId"
        );
    }
}
