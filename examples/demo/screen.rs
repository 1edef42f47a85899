//! What one sees: on a terminal a picture that is redrawn in place, in a pipe one line for each thing that happened.

use crate::script::condition;
use crate::story::{Entry, Story, Who};
use crate::summary::Row;
use crate::text::{Line, Paint, paragraph};
use evenkeel::api::conditions::{ConditionStatus, ConditionType};
use evenkeel::api::v1alpha1::{HAStackStatus, PlanStatus, ZoneStatus};
use evenkeel::cli::settings::{ColorChoice, Settings};
use evenkeel_sim::{NodeState, State};
use jiff::Timestamp;
use std::io::Write as _;

/// All there is to see at one moment.
pub struct View<'a> {
    pub state: &'a State,
    pub status: Option<&'a HAStackStatus>,
    pub story: &'a Story,
}

pub struct Screen {
    color: bool,
    speed: f64,
    /// Redraw in place?
    live: bool,
    /// Lines of the story that are printed already.
    printed: usize,
    drawn: Vec<String>,
    size: (usize, usize),
}

/// A smaller terminal gets plain lines.
const LEAST: (usize, usize) = (70, 20);
const LABEL: usize = 17;
const SUMMARY_LABEL: usize = 22;

impl Screen {
    pub fn of_process(speed: f64) -> Self {
        let settings = Settings::of_process(ColorChoice::Auto);
        let size = size();
        Self {
            color: settings.color,
            speed,
            live: settings.stdout_terminal && moves_cursor() && size.0 >= LEAST.0 && size.1 >= LEAST.1,
            printed: 0,
            drawn: Vec::new(),
            size,
        }
    }

    pub fn show(&mut self, view: &View<'_>) {
        if self.live {
            self.draw(view);
        } else {
            self.print(view.story);
        }
    }

    /// The picture stays; the summary follows it.
    pub fn leave(&mut self, rows: &[Row]) {
        // In a pipe a row is a line.
        let (mut out, width) = if self.live {
            ("\x1b[?25h\n".to_owned(), size().0)
        } else {
            ("\n".to_owned(), usize::MAX)
        };
        out.push_str(&Line::of(Paint::Strong, "Summary").render(width, self.color));
        out.push('\n');
        for row in rows {
            let label = Line::of(Paint::Dim, format!("  {}", row.label));
            for line in paragraph(label, SUMMARY_LABEL, row.paint, &row.text, width, usize::MAX) {
                out.push_str(&line.render(width, self.color));
                out.push('\n');
            }
        }
        self.live = false;
        write(&out);
    }

    fn print(&mut self, story: &Story) {
        let mut out = String::new();
        for entry in &story.told[self.printed..] {
            out.push_str(&told(entry).render(usize::MAX, self.color));
            out.push('\n');
        }
        self.printed = story.told.len();
        if !out.is_empty() {
            write(&out);
        }
    }

    /// Only lines that changed are written, all in one go.
    fn draw(&mut self, view: &View<'_>) {
        let size = size();
        let (width, height) = size;
        let mut lines: Vec<String> = picture(view, self.speed, width, height.saturating_sub(1))
            .iter()
            .map(|line| line.render(width, self.color))
            .collect();
        // As high as before: what is gone is overwritten.
        if size == self.size {
            lines.resize(lines.len().max(self.drawn.len()), String::new());
        }
        if lines == self.drawn {
            return;
        }
        let mut out = String::from("\x1b[?2026h\x1b[?25l");
        if size != self.size {
            out.push_str("\x1b[2J\x1b[H");
            self.drawn.clear();
        } else if !self.drawn.is_empty() {
            out.push_str(&format!("\x1b[{}A", self.drawn.len()));
        }
        for (i, line) in lines.iter().enumerate() {
            if self.drawn.get(i) != Some(line) {
                out.push_str(&format!("\r{line}\x1b[K"));
            }
            out.push_str("\r\n");
        }
        out.push_str("\x1b[?2026l");
        self.drawn = lines;
        self.size = size;
        write(&out);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.live {
            write("\x1b[?25h\n");
        }
    }
}

/// A reader that went away is no reason to stop.
fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

fn size() -> (usize, usize) {
    rustix::termios::tcgetwinsize(std::io::stdout()).map_or((0, 0), |size| {
        (usize::from(size.ws_col), usize::from(size.ws_row))
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the product knows only whether to colour; this asks whether the cursor can move"
)]
fn moves_cursor() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// One line of the story.
fn told(entry: &Entry) -> Line {
    let paint = match (entry.who, entry.warning) {
        (_, true) => Paint::Warn,
        (Who::Demo, false) => Paint::Strong,
        _ => Paint::Plain,
    };
    Line::of(Paint::Dim, clock(entry.at))
        .and(Paint::Plain, "  ")
        .and(Paint::Strong, format!("{:<10}", entry.who.name()))
        .and(paint, if entry.warning { "! " } else { "" })
        .and(paint, &entry.text)
}

fn picture(view: &View<'_>, speed: f64, width: usize, height: usize) -> Vec<Line> {
    let mut lines = vec![
        Line::of(Paint::Strong, "Can NextGen Commerce lose a zone right now?")
            .pad(width.saturating_sub(30))
            .and(
                Paint::Dim,
                format!("simulated {}, {speed} ×", clock(view.state.now)),
            ),
        Line::default(),
    ];
    zones(&mut lines, view, width);
    lines.push(Line::default());
    doing(&mut lines, view, width);
    lines.push(Line::default());
    // The story takes what is left; its place doesn't move.
    let top = lines.len().max(18.min(height.saturating_sub(4)));
    lines.resize(top, Line::default());
    lines.push(Line::of(Paint::Strong, "What happened"));
    let mut story: Vec<Line> = Vec::new();
    for entry in view.story.told.iter().rev() {
        let mut entry = wrapped(entry, width);
        if lines.len() + story.len() + entry.len() > height {
            break;
        }
        entry.append(&mut story);
        story = entry;
    }
    lines.append(&mut story);
    lines.resize(height, Line::default());
    lines
}

fn wrapped(entry: &Entry, width: usize) -> Vec<Line> {
    let paint = if entry.warning { Paint::Warn } else { Paint::Plain };
    let head = Line::of(Paint::Dim, clock(entry.at))
        .and(Paint::Plain, "  ")
        .and(Paint::Strong, entry.who.name());
    paragraph(head, 20, paint, &entry.text, width, 3)
}

/// Zones as columns: what is there, what Evenkeel sees, and its verdict.
fn zones(lines: &mut Vec<Line>, view: &View<'_>, width: usize) {
    let zones: Vec<&String> = view.state.zones.keys().collect();
    let column = ((width - LABEL) / zones.len().max(1)).min(34);
    let row = |label: &str, cell: &dyn Fn(&str) -> (Paint, String)| {
        let mut line = Line::of(Paint::Dim, label);
        for (i, zone) in zones.iter().enumerate() {
            let (paint, text) = cell(zone);
            line = line.pad(LABEL + i * column).and(paint, text);
        }
        line
    };
    lines.push(row("", &|zone| (Paint::Strong, zone.to_owned())));
    lines.push(row("AWS", &|zone| match view.state.zones[zone].failed_since {
        Some(since) => {
            let minutes = view.state.now.duration_since(since).as_mins();
            (Paint::Bad, format!("LOST {minutes} min ago"))
        }
        None => (Paint::Good, "up".to_owned()),
    }));
    for shard in view.state.groups.iter().flat_map(|g| &g.shards) {
        lines.push(row(&format!("shard {}", shard.id), &|zone| {
            let here: Vec<&NodeState> = shard.nodes.iter().filter(|n| n.zone == zone).collect();
            here.first()
                .map_or((Paint::Dim, "–".to_owned()), |node| drawn(node))
        }));
    }
    let of = |zone: &str| view.status?.zones.iter().find(|z| z.name == zone);
    lines.push(row("Evenkeel sees", &|zone| {
        of(zone).map_or((Paint::Dim, "…".to_owned()), |z| {
            let paint = if z.state == "Healthy" {
                Paint::Good
            } else {
                Paint::Bad
            };
            (paint, z.state.clone())
        })
    }));
    lines.push(row("can be lost?", &|zone| {
        of(zone).map_or((Paint::Dim, "…".to_owned()), verdict)
    }));
}

fn verdict(zone: &ZoneStatus) -> (Paint, String) {
    match zone.verdict.as_str() {
        "Survives" if zone.state == "Impaired" => (Paint::Good, "yes, and it is".to_owned()),
        "Survives" => (Paint::Good, "yes".to_owned()),
        "Degraded" => (Paint::Warn, "yes, but a promise is missed".to_owned()),
        "Lost" => (Paint::Bad, "NO".to_owned()),
        _ => (Paint::Warn, "nobody knows".to_owned()),
    }
}

fn drawn(node: &NodeState) -> (Paint, String) {
    let number = node.id.rsplit('-').next().unwrap_or_default();
    match (node.health, node.role) {
        ("healthy", "primary") => (Paint::Strong, format!("● {number} primary")),
        ("healthy", role) => (Paint::Plain, format!("○ {number} {role}")),
        ("lost", role) => (Paint::Bad, format!("✗ {number} {role}, lost")),
        (health, role) => (Paint::Warn, format!("◌ {number} {role}, {health}")),
    }
}

/// What Evenkeel does, or what it waits for.
fn doing(lines: &mut Vec<Line>, view: &View<'_>, width: usize) {
    let mut say = |head: &str, strong: Paint, text: &str, most: usize| {
        lines.extend(paragraph(
            Line::of(strong, head),
            LABEL,
            Paint::Plain,
            text,
            width,
            most,
        ));
    };
    let Some(status) = view.status else {
        say("Evenkeel", Paint::Strong, "reads what is there", 1);
        return;
    };
    let redundant = condition(status, ConditionType::ZoneRedundant);
    if let Some(danger) = redundant.filter(|c| c.status == ConditionStatus::False) {
        say("Danger", Paint::Bad, &danger.message, 5);
    }
    if let Some(ticket) = status.tickets.first() {
        let text = format!(
            "{} ({}, since {})",
            ticket.actions.join(" + "),
            ticket.phase,
            clock(ticket.prepared_at)
        );
        say("Acts", Paint::Good, &text, 2);
        return;
    }
    let Some(plan) = status.plan.as_ref().filter(|p| !p.actions.is_empty()) else {
        say("Plans", Paint::Strong, "no step", 1);
        return;
    };
    planned(plan, &mut say);
}

fn planned(plan: &PlanStatus, say: &mut dyn FnMut(&str, Paint, &str, usize)) {
    for action in plan.actions.iter().take(2) {
        let to = action
            .to_zone
            .as_ref()
            .map_or(String::new(), |z| format!(" to {z}"));
        let text = format!("{} {}{to}. {}", action.action_type, action.subject, action.why);
        say("Plans", Paint::Strong, &text, 2);
    }
    for hold in plan.holds.iter().take(4) {
        let until = hold
            .retry_at
            .map_or(String::new(), |at| format!("until {}: ", clock(at)));
        let head = hold.guardrail.as_str();
        say(head, Paint::Warn, &format!("{until}{}", hold.reason), 2);
    }
}
