//! Where the nodes of a component stand: zones as columns, one row per shard (or per kind of shard where there are
//! many).

use super::style::{Line, Page, Paint, Style};
use crate::report::explain;
use crate::topology::{Component, Health, Node, NodeId, Role, Shard, ShardId, Topology, ZoneName, ZoneState};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// More shards than this are drawn by kind: equal ones share a row.
const ROWS: usize = 16;
/// Lag below this is not worth a word.
const LAG_SHOWN: SignedDuration = SignedDuration::from_millis(100);
const INDENT: usize = 2;
const GAP: usize = 3;

/// One row: its label, and in each zone the nodes.
struct Row {
    label: String,
    cells: Vec<Vec<Line>>,
}

/// How much is said of a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    Full,
    Compact,
}

/// Draws one component. `zones` are those of the spec.
pub(super) fn draw(
    page: &mut Page,
    component: &Component,
    topology: &Topology,
    zones: &BTreeSet<&ZoneName>,
    now: Timestamp,
    style: Style,
) {
    let standing = component
        .shards
        .values()
        .flat_map(|s| s.nodes.values())
        .map(|n| &n.zone);
    let columns: Vec<&ZoneName> = zones
        .iter()
        .copied()
        .chain(standing)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let scene = Scene {
        component,
        topology,
        zones,
        now,
    };
    let fitting = [Detail::Full, Detail::Compact]
        .map(|detail| (scene.headings(&columns, detail), scene.rows(&columns, detail)))
        .into_iter()
        .find(|(headings, rows)| {
            INDENT + widths(headings, rows).iter().map(|w| w + GAP).sum::<usize>() <= style.width + GAP
        });
    let Some((headings, rows)) = fitting else {
        let headings = scene.headings(&columns, Detail::Compact);
        return list(page, &headings, &scene.rows(&columns, Detail::Full), style);
    };
    let widths = widths(&headings, &rows);
    for i in 0..headings.cells.iter().map(Vec::len).max().unwrap_or(0) {
        let label = if i == 0 {
            Line::of(Paint::Dim, &headings.label)
        } else {
            Line::default()
        };
        page.line(joined(label, &headings.cells, i, &widths));
    }
    for row in &rows {
        for i in 0..row.cells.iter().map(Vec::len).max().unwrap_or(0).max(1) {
            let label = if i == 0 {
                Line::plain(&row.label)
            } else {
                Line::default()
            };
            page.line(joined(label, &row.cells, i, &widths));
        }
    }
}

/// Where columns have no room: the nodes of a shard one below the other, after what is to be said of zones.
fn list(page: &mut Page, headings: &Row, rows: &[Row], style: Style) {
    let mut wrapped = |line: Line, indent: usize| {
        for line in line.wrap(style.width, indent) {
            page.line(line);
        }
    };
    for zone in headings.cells.iter().filter(|zone| zone.len() > 1) {
        let words = zone.iter().map(|word| Line::plain(" ").then(word.clone()));
        wrapped(words.fold(Line::plain(" "), Line::then), 2 * INDENT);
    }
    for row in rows {
        wrapped(
            Line::plain(" ".repeat(INDENT)).and(Paint::Plain, &row.label),
            2 * INDENT,
        );
        for (zone, nodes) in headings.cells.iter().zip(&row.cells) {
            for node in nodes.iter().filter(|node| **node != nothing()) {
                let name = zone.first().cloned().unwrap_or_default();
                let head = Line::plain(" ".repeat(2 * INDENT))
                    .then(name)
                    .and(Paint::Plain, " ");
                let indent = head.len();
                wrapped(head.then(node.clone()), indent);
            }
        }
    }
}

/// Of a zone in which no node stands.
fn nothing() -> Line {
    Line::of(Paint::Dim, "–")
}

fn widths(headings: &Row, rows: &[Row]) -> Vec<usize> {
    let all = || std::iter::once(headings).chain(rows);
    let label = all().map(|r| r.label.chars().count()).max().unwrap_or(0);
    let cell = |i: usize| all().flat_map(|r| &r.cells[i]).map(Line::len).max().unwrap_or(0);
    std::iter::once(label)
        .chain((0..headings.cells.len()).map(cell))
        .collect()
}

fn joined(label: Line, cells: &[Vec<Line>], i: usize, widths: &[usize]) -> Line {
    let mut column = INDENT;
    let mut line = Line::plain(" ".repeat(INDENT)).then(label);
    for (cell, width) in cells.iter().zip(widths) {
        column += width + GAP;
        line = line.pad(column).then(cell.get(i).cloned().unwrap_or_default());
    }
    line
}

struct Scene<'a> {
    component: &'a Component,
    topology: &'a Topology,
    zones: &'a BTreeSet<&'a ZoneName>,
    now: Timestamp,
}

impl Scene<'_> {
    fn headings(&self, columns: &[&ZoneName], detail: Detail) -> Row {
        let cells = columns.iter().map(|zone| {
            let name = match detail {
                Detail::Full => zone.as_str(),
                // `2a` of ap-northeast-2a, `2-lax-1a` of us-west-2-lax-1a.
                Detail::Compact => zone.as_str().splitn(3, '-').last().unwrap_or_default(),
            };
            let mut lines = vec![Line::of(Paint::Strong, name)];
            let state = self.topology.zone_state(zone);
            if let Some(word) = explain::zone_state(state) {
                let since = self.topology.zones.get(*zone).and_then(|z| z.since);
                let paint = if state == ZoneState::Impaired {
                    Paint::Bad
                } else {
                    Paint::Odd
                };
                lines.push(Line::of(paint, format!("{word}{}", self.age(since))));
            }
            if !self.zones.contains(zone) {
                lines.push(Line::of(Paint::Warn, "not in the spec"));
            }
            lines
        });
        Row {
            label: "shard".to_owned(),
            cells: cells.collect(),
        }
    }

    fn rows(&self, columns: &[&ZoneName], detail: Detail) -> Vec<Row> {
        let shards = &self.component.shards;
        if shards.len() <= ROWS {
            return shards
                .iter()
                .map(|(id, shard)| Row {
                    label: id.to_string(),
                    cells: self.cells(columns, Some(id), shard, detail),
                })
                .collect();
        }
        // Kinds in the order of their first shard.
        let mut kinds: Vec<(&ShardId, usize, Vec<Vec<Line>>)> = Vec::new();
        for (id, shard) in shards {
            let cells = self.cells(columns, None, shard, detail);
            match kinds.iter_mut().find(|(_, _, known)| *known == cells) {
                Some((_, count, _)) => *count += 1,
                None => kinds.push((id, 1, cells)),
            }
        }
        kinds
            .into_iter()
            .map(|(first, count, cells)| Row {
                label: match count {
                    1 => first.to_string(),
                    _ => format!("{first} + {} alike", count - 1),
                },
                cells,
            })
            .collect()
    }

    fn cells(
        &self,
        columns: &[&ZoneName],
        shard_id: Option<&ShardId>,
        shard: &Shard,
        detail: Detail,
    ) -> Vec<Vec<Line>> {
        let mut by_zone: BTreeMap<&ZoneName, Vec<Line>> = BTreeMap::new();
        for (id, node) in &shard.nodes {
            let name = shard_id.map(|shard| self.short(id, shard));
            by_zone
                .entry(&node.zone)
                .or_default()
                .push(self.node(name, node, detail));
        }
        columns
            .iter()
            .map(|zone| by_zone.remove(zone).unwrap_or_else(|| vec![nothing()]))
            .collect()
    }

    /// What tells the node from its siblings: `001` of `sessions-0001-001`.
    fn short<'n>(&self, id: &'n NodeId, shard: &ShardId) -> &'n str {
        let id = id.as_str();
        let rest = id
            .strip_prefix(self.component.resource.identifier.as_str())
            .and_then(|rest| rest.strip_prefix('-'))
            .unwrap_or(id);
        rest.strip_prefix(shard.as_str())
            .and_then(|rest| rest.strip_prefix('-'))
            .unwrap_or(rest)
    }

    fn node(&self, name: Option<&str>, node: &Node, detail: Detail) -> Line {
        let (mark, word, paint) = match node.role {
            Role::Primary => ("●", "primary", Paint::Strong),
            Role::Replica => ("○", "replica", Paint::Plain),
            Role::Standby => ("◌", "standby", Paint::Plain),
            Role::Unknown => ("?", "role unknown", Paint::Odd),
        };
        let mut text = mark.to_owned();
        if let Some(name) = name {
            text = format!("{text} {name}");
        }
        if detail == Detail::Full {
            text = format!("{text} {word}");
        }
        let mut line = match node.health {
            Health::Healthy => Line::of(paint, text),
            Health::Creating => Line::of(Paint::Warn, format!("{text} creating")),
            Health::Down => Line::of(Paint::Bad, format!("{text} DOWN{}", self.age(node.health_since))),
            Health::Unknown => Line::of(Paint::Odd, format!("{text} health unknown")),
        };
        if let Some(lag) = node.lag.filter(|lag| *lag >= LAG_SHOWN) {
            line = line.and(Paint::Warn, format!(" lag {}ms", lag.as_millis()));
        }
        if node.added_by_us {
            line = line.and(Paint::Dim, " added by us");
        }
        line
    }

    fn age(&self, since: Option<Timestamp>) -> String {
        since.map_or_else(String::new, |since| {
            format!(" {}", explain::rough(self.now.duration_since(since)))
        })
    }
}
