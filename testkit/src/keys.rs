//! Secrets of one rig, made new for each.

use crate::RigError;
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The pair, in PEM, with which kube-apiserver signs and checks ServiceAccount tokens.
pub(crate) struct SigningKey {
    pub private: String,
    pub public: String,
}

pub(crate) fn signing_key() -> Result<SigningKey, RigError> {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|_| RigError::Key)?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref())
        .map_err(|_| RigError::Key)?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| RigError::Key)?;
    Ok(SigningKey {
        private: pem("PRIVATE KEY", pkcs8.as_ref()),
        public: pem("PUBLIC KEY", public.as_ref()),
    })
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

/// A bearer token.
pub(crate) fn token() -> Result<String, RigError> {
    let mut bytes = [0_u8; 24];
    SystemRandom::new().fill(&mut bytes).map_err(|_| RigError::Key)?;
    // The token file is a CSV; none of base64's letters needs quotes there.
    Ok(STANDARD.encode(bytes))
}
