//! `evenkeel crds`: the CustomResourceDefinitions, ready for `kubectl apply -f -`.

use crate::api::crd;
use anyhow::Context as _;
use serde_json::Value;

/// All of them as YAML documents.
pub fn yaml() -> anyhow::Result<String> {
    let mut text = String::new();
    for crd in crd::crds() {
        // Through JSON: its maps are sorted, so the same types give the same bytes.
        let mut value = serde_json::to_value(&crd).context("a CustomResourceDefinition is JSON")?;
        whole_numbers(&mut value);
        text.push_str("---\n");
        text.push_str(&serde_saphyr::to_string(&value).context("a CustomResourceDefinition is YAML")?);
    }
    Ok(text)
}

/// Bounds are floating point numbers in the type, whole numbers in every schema that people read.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let whole = number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 1e9);
            if let Some(whole) = whole {
                #[expect(clippy::cast_possible_truncation, reason = "whole and below 1e9")]
                let whole = whole as i64;
                *value = whole.into();
            }
        }
        Value::Array(list) => list.iter_mut().for_each(whole_numbers),
        Value::Object(map) => map.values_mut().for_each(whole_numbers),
        _ => {}
    }
}
