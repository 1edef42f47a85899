//! What travels over the connection: forms and XML for the Query protocol, CBOR and JSON for CloudWatch.
//!
//! Nothing here knows a service or the world. The encodings follow the Smithy specifications of awsQuery, awsJson1_0
//! and rpcv2Cbor.

pub mod cbor;
pub mod json;
pub mod query;
pub mod xml;
