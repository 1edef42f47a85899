//! What the process finds around it: terminal, width, colour. The only reader of the environment
//! (arguments with an `EVENKEEL_…` variable are declared in `args` and `run`, and read by clap).

use clap::ValueEnum;
use std::io::IsTerminal as _;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    Always,
    Never,
}

/// Resolved once, at start; passed to every command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Standard output is a terminal.
    pub stdout_terminal: bool,
    /// Standard input is a terminal: somebody can answer a question.
    pub stdin_terminal: bool,
    /// Colour what goes to standard output.
    pub color: bool,
    /// Columns of the terminal; `None` in a pipe.
    pub width: Option<usize>,
}

impl Settings {
    /// Reads the process's surroundings.
    pub fn of_process(color: ColorChoice) -> Self {
        let stdout_terminal = std::io::stdout().is_terminal();
        Self {
            stdout_terminal,
            stdin_terminal: std::io::stdin().is_terminal(),
            color: wants_color(
                color,
                stdout_terminal,
                set("NO_COLOR"),
                variable("TERM").as_deref(),
            ),
            width: stdout_terminal.then(|| columns(variable("COLUMNS").as_deref())),
        }
    }
}

/// <https://no-color.org>: any value but the empty one counts.
fn wants_color(choice: ColorChoice, terminal: bool, no_color: bool, term: Option<&str>) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => terminal && !no_color && term != Some("dumb"),
    }
}

/// What the terminal says, else `COLUMNS`, else 80.
fn columns(variable: Option<&str>) -> usize {
    rustix::termios::tcgetwinsize(std::io::stdout())
        .ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|columns| *columns > 0)
        .or_else(|| variable.and_then(|v| v.parse().ok()))
        .unwrap_or(80)
}

fn set(name: &str) -> bool {
    variable(name).is_some_and(|v| !v.is_empty())
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the place that reads the environment"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|v| v.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_only_on_a_terminal_and_never_against_no_color() {
        let auto = |terminal, no_color, term| wants_color(ColorChoice::Auto, terminal, no_color, term);
        assert!(auto(true, false, Some("xterm")));
        assert!(auto(true, false, None));
        assert!(!auto(false, false, Some("xterm")));
        assert!(!auto(true, true, Some("xterm")));
        assert!(!auto(true, false, Some("dumb")));
        assert!(wants_color(ColorChoice::Always, false, true, Some("dumb")));
        assert!(!wants_color(ColorChoice::Never, true, false, None));
    }
}
