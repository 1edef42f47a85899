//! Every link leads to a file that exists and, where it names one, to a heading in it; every document can be reached
//! from README.md by links alone.

use crate::ROOT;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Links to the repository itself, as pages outside of it (the chart's, alerts) have to write them.
const OURS: &str = "https://github.com/evenkeel-dev/evenkeel/blob/main/";

/// All documents of the repository, as paths from its root.
pub fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(Path::new(ROOT).join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = folder.join(&name);
            let hidden = name.starts_with('.') || name.starts_with("target");
            if entry.file_type().unwrap().is_dir() && !hidden {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The lines outside of code blocks.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    assert!(!fenced, "a code block is not closed:\n{text}");
    kept
}

fn targets(text: &str) -> Vec<String> {
    let prose = prose(text);
    let links = prose.split("](").skip(1);
    links
        .filter_map(|rest| rest.split(')').next())
        .map(ToOwned::to_owned)
        .collect()
}

/// How GitHub names the anchor of a heading: small letters, blanks become hyphens, punctuation goes.
fn anchor(heading: &str) -> String {
    // A link in a heading counts with its words only.
    let words: String = heading
        .split('[')
        .map(|part| match part.split_once("](") {
            Some((words, rest)) => format!("{words}{}", rest.split_once(')').map_or("", |(_, r)| r)),
            None => part.to_owned(),
        })
        .collect();
    let words = words.trim().to_lowercase();
    let kept = words.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    });
    kept.collect()
}

/// The anchors of a document: its headings, and what it marks by hand.
fn anchors(text: &str) -> BTreeSet<String> {
    let prose = prose(text);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = BTreeSet::new();
    for line in prose.lines() {
        let level = line.chars().take_while(|c| *c == '#').count();
        if (1..=6).contains(&level) && line[level..].starts_with(' ') {
            let name = anchor(&line[level..]);
            let times = seen.entry(name.clone()).or_default();
            found.insert(if *times == 0 {
                name
            } else {
                format!("{name}-{times}")
            });
            *times += 1;
        }
        let marks = line.split("<a name=\"").skip(1);
        found.extend(marks.filter_map(|rest| rest.split('"').next().map(ToOwned::to_owned)));
    }
    found
}

/// The path without `.` and `..`.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(tidy.pop(), "{} leads out of the repository", path.display()),
            Component::CurDir => {}
            part => tidy.push(part),
        }
    }
    tidy
}

/// Where a link of this document leads in the repository; nothing for links to elsewhere.
fn destination(document: &Path, target: &str) -> Option<(PathBuf, Option<String>)> {
    let (path, fragment) = match target.split_once('#') {
        Some((path, fragment)) => (path, Some(fragment.to_owned())),
        None => (target, None),
    };
    let there = if let Some(path) = path.strip_prefix(OURS) {
        PathBuf::from(path)
    } else if path.contains("://") {
        return None;
    } else if path.is_empty() {
        document.to_owned()
    } else {
        tidy(&document.parent().unwrap().join(path))
    };
    Some((there, fragment))
}

fn read(path: &Path) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}

#[test]
fn every_link_leads_to_a_file_and_to_a_heading_that_exist() {
    let (mut links, mut headings) = (0, 0);
    let mut broken = Vec::new();
    for document in documents() {
        for target in targets(&read(&document)) {
            let Some((there, fragment)) = destination(&document, &target) else {
                let safe = target.starts_with("https://") || target.starts_with("http://127.0.0.1");
                assert!(safe, "{} links to {target}", document.display());
                continue;
            };
            links += 1;
            if !Path::new(ROOT).join(&there).exists() {
                broken.push(format!("{}: no file {target}", document.display()));
            } else if let Some(fragment) = fragment {
                headings += 1;
                if !anchors(&read(&there)).contains(&fragment) {
                    broken.push(format!("{}: no heading {target}", document.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(
        links > 100 && headings > 15,
        "{links} links, {headings} to headings"
    );
}

#[test]
fn links_in_rules_and_chart_lead_somewhere() {
    let mut links = 0;
    for path in ["charts/evenkeel/files/rules.yaml", "charts/evenkeel/Chart.yaml"] {
        for rest in read(Path::new(path)).split(OURS).skip(1) {
            let name: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || "/._-".contains(*c))
                .collect();
            assert!(Path::new(ROOT).join(&name).exists(), "{path} links to {name}");
            links += 1;
        }
    }
    assert!(links >= 13, "{links}");
}

#[test]
fn every_document_is_reachable_from_the_readme() {
    let mut reached = BTreeSet::new();
    let mut next = vec![PathBuf::from("README.md")];
    while let Some(document) = next.pop() {
        if !reached.insert(document.clone()) {
            continue;
        }
        let leads = targets(&read(&document));
        let leads = leads.iter().filter_map(|t| destination(&document, t));
        next.extend(leads.map(|(path, _)| path).filter(|p| {
            let document = p.extension().is_some_and(|e| e == "md");
            document && Path::new(ROOT).join(p).is_file()
        }));
    }
    let lost: Vec<PathBuf> = documents().into_iter().filter(|d| !reached.contains(d)).collect();
    assert!(lost.is_empty(), "no link leads to {lost:?}");
}

#[test]
fn the_index_lists_every_page_of_its_folder() {
    let index = Path::new("docs/README.md");
    let listed: BTreeSet<PathBuf> = targets(&read(index))
        .iter()
        .filter_map(|t| destination(index, t).map(|(path, _)| path))
        .collect();
    for document in documents() {
        let page = document.parent() == Some(Path::new("docs")) && document != index;
        assert!(
            !page || listed.contains(&document),
            "{} is not in docs/README.md",
            document.display()
        );
    }
}

#[test]
fn anchors_are_made_as_github_makes_them() {
    for (heading, wanted) in [
        (
            " When is a node down, and a zone impaired?",
            "when-is-a-node-down-and-a-zone-impaired",
        ),
        (
            " `kubectl describe has`, line by line",
            "kubectl-describe-has-line-by-line",
        ),
        (
            " A step is planned and doesn't happen",
            "a-step-is-planned-and-doesnt-happen",
        ),
        (" See [the page](x.md) again", "see-the-page-again"),
    ] {
        assert_eq!(anchor(heading), wanted);
    }
    let text = "# A\n## Install\n```\n# no heading\n```\n## Install\n";
    let wanted = ["a", "install", "install-1"].map(ToOwned::to_owned);
    assert_eq!(anchors(text), wanted.into());
}
