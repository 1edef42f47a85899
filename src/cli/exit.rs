//! Exit codes: one place, one meaning each.

use std::process::ExitCode;

/// How a command ended. Ordered: with `--detailed-exitcode` the highest that applies is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    Ok,
    /// Any error, a mistake in the arguments too.
    Error,
    /// Only with `--detailed-exitcode`: actions are planned, held ones included.
    ActionsPlanned,
    /// Only with `--detailed-exitcode`: the loss of some zone is not survivable.
    NotSurvivable,
    /// Only with `--detailed-exitcode`: some verdict is unknown.
    CouldNotJudge,
}

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Error => 1,
            Self::ActionsPlanned => 2,
            Self::NotSurvivable => 3,
            Self::CouldNotJudge => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
