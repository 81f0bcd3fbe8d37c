//! What differs from run to run, written alike: ids, addresses, times.

use serde_json::Value;

/// Fields of `-w json` that are nobody's to promise.
const VARYING: &[&str] = &[
    "cluster_id",
    "member_id",
    "raft_term",
    "ID",
    "id",
    "leader",
    "raftIndex",
    "raftAppliedIndex",
    "raftTerm",
    "lease",
    "dbSize",
    "dbSizeInUse",
];

/// Writes alike what differs.
pub fn normal(text: &str) -> String {
    text.lines().map(|line| line_of(line) + "\n").collect()
}

fn line_of(line: &str) -> String {
    if let Ok(mut json) = serde_json::from_str::<Value>(line)
        && (json.is_object() || json.is_array())
    {
        blank(&mut json);
        return json.to_string();
    }
    if let Some((name @ ("\"ClusterID\"" | "\"MemberID\""), _)) = line.split_once(" : ") {
        return format!("{name} : ID");
    }
    let line = match line.split_once("took = ") {
        Some((before, _)) => format!("{before}took = TIME"),
        None => line.to_owned(),
    };
    // By words, which here end with anything but what numbers and addresses are made of.
    let mut out = String::new();
    let mut word = String::new();
    for c in line.chars().chain(['\n']) {
        if c.is_ascii_alphanumeric() || c == '.' || c == ':' {
            word.push(c);
        } else {
            out.push_str(&word_of(&word));
            word.clear();
            out.push(c);
        }
    }
    out.trim_end_matches('\n').to_owned()
}

fn word_of(word: &str) -> String {
    let hex = word.len() >= 14 && word.len() <= 16 && word.chars().all(|c| c.is_ascii_hexdigit());
    if hex {
        return "ID".into();
    }
    match word.split_once("127.0.0.1:") {
        Some((before, port)) => {
            let rest = port.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}ADDRESS{rest}")
        }
        None => word.to_owned(),
    }
}

fn blank(json: &mut Value) {
    match json {
        Value::Array(all) => all.iter_mut().for_each(blank),
        Value::String(text) => *text = line_of(text),
        Value::Object(fields) => {
            for (name, value) in fields {
                if VARYING.contains(&name.as_str()) && value.is_number() {
                    *value = Value::from("N");
                } else {
                    blank(value);
                }
            }
        }
        _ => {}
    }
}
