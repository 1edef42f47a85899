//! `evenkeel crds`: the CustomResourceDefinitions, ready for `kubectl apply -f -`.

use crate::api::crd;
use anyhow::Context as _;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

/// All of them as YAML documents.
pub fn yaml() -> anyhow::Result<String> {
    let documents = documents()?.into_iter();
    Ok(documents.map(|(_, text)| text).collect())
}

/// Each of them with its name.
pub fn documents() -> anyhow::Result<Vec<(String, String)>> {
    crd::crds().iter().map(document).collect()
}

fn document(crd: &CustomResourceDefinition) -> anyhow::Result<(String, String)> {
    // Through JSON: its maps are sorted, so the same types give the same bytes.
    let mut value = serde_json::to_value(crd).context("a CustomResourceDefinition is JSON")?;
    whole_numbers(&mut value);
    let text = serde_saphyr::to_string(&value).context("a CustomResourceDefinition is YAML")?;
    let name = crd.metadata.name.clone().unwrap_or_default();
    Ok((name, format!("---\n{text}")))
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
