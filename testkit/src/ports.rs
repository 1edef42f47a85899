//! Ports that stay ours: while a rig's API server is down, nobody else may take its port.
//!
//! They lie below the range from which Linux picks ports for outgoing connections and for port 0, and a lock file per
//! port keeps rigs of several processes apart.

use crate::RigError;
use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};

const FIRST: u16 = 20_000;
const LAST: u16 = 31_999;

/// A port on loopback, ours until dropped.
pub struct Port {
    pub number: u16,
    _lock: File,
}

/// A port that nobody else takes until the value is dropped.
pub fn take() -> Result<Port, RigError> {
    let uid = rustix::process::getuid().as_raw();
    let locks = std::env::temp_dir().join(format!("evenkeel-ports-{uid}"));
    fs::create_dir_all(&locks).map_err(RigError::file("could not make", &locks))?;
    let span = u64::from(LAST - FIRST) + 1;
    let start = RandomState::new().hash_one(std::process::id()) % span;
    for step in 0..span {
        let Ok(offset) = u16::try_from((start + step) % span) else {
            continue;
        };
        let number = FIRST + offset;
        let path = locks.join(number.to_string());
        let lock = File::create(&path).map_err(RigError::file("could not make", &path))?;
        if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
            return Ok(Port { number, _lock: lock });
        }
    }
    Err(RigError::NoPort(FIRST, LAST))
}
