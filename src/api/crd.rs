//! The CustomResourceDefinitions, made from the types.

use super::v1alpha1::{AWSAccount, HAStack};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt as _;

/// All of them, as they are to be applied.
pub fn crds() -> Vec<CustomResourceDefinition> {
    [HAStack::crd(), AWSAccount::crd()].map(tidied).into()
}

fn tidied(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let versions = crd.spec.versions.iter_mut();
    for schema in versions.filter_map(|v| v.schema.as_mut()?.open_api_v3_schema.as_mut()) {
        tidy(schema);
    }
    crd
}

/// The schema of a `HAStack` as JSON, for checks outside of an API server.
pub fn schema() -> serde_json::Value {
    schema_of(HAStack::crd())
}

/// The schema of an `AWSAccount` as JSON.
pub fn account_schema() -> serde_json::Value {
    schema_of(AWSAccount::crd())
}

fn schema_of(crd: CustomResourceDefinition) -> serde_json::Value {
    tidied(crd)
        .spec
        .versions
        .into_iter()
        .find_map(|version| version.schema?.open_api_v3_schema)
        .and_then(|schema| serde_json::to_value(schema).ok())
        .unwrap_or_default()
}

/// An absent field is absent: no nulls, no empty lists or objects as defaults (each would be a difference between what
/// people wrote and what the server stores). Descriptions are paragraphs, not the lines of our source, and Kubernetes
/// knows no unsigned formats (bounds say it).
fn tidy(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    if schema.format.as_deref().is_some_and(|f| f.starts_with("uint")) {
        schema.format = Some("int32".to_owned());
    }
    if let Some(text) = &mut schema.description {
        *text = text
            .split("\n\n")
            .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
            .join("\n\n");
    }
    if schema.default.as_ref().is_some_and(|d| {
        let d = &d.0;
        d.is_null()
            || d.as_array().is_some_and(Vec::is_empty)
            || d.as_object().is_some_and(serde_json::Map::is_empty)
    }) {
        schema.default = None;
    }
    if let Some(values) = &mut schema.enum_ {
        values.retain(|v| !v.0.is_null());
    }
    for child in schema.properties.iter_mut().flat_map(|p| p.values_mut()) {
        tidy(child);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        tidy(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        tidy(values);
    }
}
