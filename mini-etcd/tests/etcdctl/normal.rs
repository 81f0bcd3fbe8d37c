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
            let known = word_of(&word);
            if known == "ID" {
                // Where etcdctl pads an id to sixteen digits.
                let text = out.trim_end_matches(' ').len();
                out.truncate(out.len().min(text + 1));
            }
            out.push_str(&known);
            word.clear();
            out.push(c);
        }
    }
    out.trim_end_matches('\n').to_owned()
}

fn word_of(word: &str) -> String {
    // Of 64 random bits, less than twelve digits are left once in a million times.
    let hex = word.len() >= 12 && word.len() <= 16 && word.chars().all(|c| c.is_ascii_hexdigit());
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

#[test]
fn an_id_of_fifteen_digits_is_written_like_one_of_sixteen() {
    let added = "Member ID added to cluster ID\n";
    assert_eq!(normal("Member 8e9e05c52164694d added to cluster cdf818194e3a8c32\n"), added);
    assert_eq!(normal("Member e9e05c52164694d added to cluster  df818194e3a8c32\n"), added);
    assert_eq!(normal("Member  e9e05c52164694d added to cluster f818194e3a8c32\n"), added);
    assert_eq!(normal("e9e05c52164694d, started\n"), "ID, started\n");
}
