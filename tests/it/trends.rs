//! Trends over constructed streams of papers.

use serde_json::{Value, json};

use crate::harness::Cognate;

/// A hundred days with three papers a day on fifteen topics that come in turn, and, if wanted, twelve papers on
/// one more topic in the last week. All texts are made up.
fn stream(has_burst: bool) -> String {
    const TOPICS: [(&str, &str); 15] = [
        ("coral reefs", "bleaching in warm summers"),
        ("bird song", "learning from older males"),
        ("bridge cables", "fatigue under wind"),
        ("sleep in teenagers", "school that begins late"),
        ("volcanic glass", "cooling rates of lava"),
        ("tax law", "small firms that move"),
        ("graph colouring", "planar graphs of small girth"),
        ("bread dough", "fermentation in the cold"),
        ("neutron stars", "glitches of their spin"),
        ("soil fungi", "roots of old beeches"),
        ("traffic lights", "waiting times of cyclists"),
        ("medieval maps", "coasts drawn from hearsay"),
        ("heart valves", "repair through a vein"),
        ("quantum walks", "mixing on a cycle"),
        ("olive harvests", "drought in early spring"),
    ];
    const VIEWS: [&str; 5] =
        ["A survey of", "New measurements of", "A model for", "Twenty years of", "What is not known about"];
    let paper = |id: String, day: i64, (subject, aspect): (&str, &str), view: usize| {
        let date = date_of(day);
        let view = VIEWS[view % VIEWS.len()];
        let record = json!({
            "id": id,
            "title": format!("{view} {subject}"),
            "abstract": format!("We look at {subject} and at {aspect}. {view} {aspect} shows how the two go together."),
            "publication_date": date,
        });
        format!("{record}\n")
    };
    let mut lines = String::new();
    for number in 0..300 {
        let topic = TOPICS[(number * 7 + number / 15) % TOPICS.len()];
        lines.push_str(&paper(format!("steady-{number:03}"), number as i64 / 3, topic, number / 15));
    }
    if has_burst {
        for number in 0..12 {
            let burst = ("paper made of seaweed", "strength of wet seaweed sheets");
            lines.push_str(&paper(format!("burst-{number:02}"), 93 + number as i64 % 7, burst, number));
        }
    }
    lines
}

/// The day so many days after 2024-01-01.
fn date_of(days: i64) -> String {
    const MONTHS: [i64; 4] = [31, 29, 31, 30];
    let mut day = days;
    for (month, length) in (1..).zip(MONTHS) {
        if day < length {
            return format!("2024-{month:02}-{:02}", day + 1);
        }
        day -= length;
    }
    unreachable!("streams are shorter than four months")
}

fn trends_of(lines: &str) -> (Cognate, Value) {
    let cognate = Cognate::new();
    let file = cognate.file("stream.jsonl", lines);
    cognate.json(&["index", &file]);
    let found = cognate.json(&["trends", "--limit", "100"]);
    (cognate, found)
}

#[test]
fn a_burst_ranks_first_and_is_named() {
    let (cognate, found) = trends_of(&stream(true));
    assert_eq!([&found["window"]["first"], &found["window"]["last"]], ["2024-04-03", "2024-04-09"]);
    assert_eq!((&found["window"]["n_papers"], &found["history"]["n_papers"]), (&json!(33), &json!(270)));
    let papers = found["papers"].as_array().unwrap();
    for paper in &papers[..10] {
        assert!(paper["paper"]["id"].as_str().unwrap().starts_with("burst-"), "{paper}");
        assert!(paper["score"].as_f64() >= found["burst_score"].as_f64(), "{paper}");
    }
    let group = &found["groups"][0];
    assert!(group["label"].to_string().contains("seaweed"), "{group}");
    assert!(group["growth"]["ratio"].as_f64().unwrap() > 10.0, "{group}");
    assert!(group["papers"].as_array().unwrap().len() >= 10, "{group}");

    let server = cognate.serve(&[]);
    assert_eq!(server.get("/v1/trends?limit=100").body, found);
    let week = server.get("/api/daily_papers?week=2024-W15&sort=trending&limit=2").body;
    assert!(week[0]["paper"]["id"].as_str().unwrap().starts_with("burst-"), "{week}");
    // Before the burst there was none.
    let before = server.get("/v1/trends?date=2024-04-02").body;
    assert_eq!(before["groups"], json!([]));
    for (path, expected) in [
        ("/v1/trends?days=0", "days"),
        ("/v1/trends?history=4000", "history"),
        ("/v1/trends?date=soon", "date"),
        ("/v1/trends?limit=1001", "limit"),
        ("/v1/trends?colour=red", "colour"),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 400);
        assert!(answer.body["message"].as_str().unwrap().contains(expected), "{}", answer.body);
    }
}

#[test]
fn a_steady_stream_has_no_burst() {
    let (_, found) = trends_of(&stream(false));
    assert_eq!(found["basis"], "growth");
    let burst_score = found["burst_score"].as_f64().unwrap();
    let scores = found["papers"].as_array().unwrap().iter().map(|paper| paper["score"].as_f64().unwrap());
    assert!(scores.clone().count() == 21 && scores.clone().all(|score| score < burst_score), "{found}");
    assert_eq!(found["groups"], json!([]));
}

#[test]
fn votes_count_and_fade() {
    let cognate = Cognate::new();
    let paper = |id: &str, date: &str, votes: u32| {
        let title = format!("Paper {id}");
        format!("{}\n", json!({"id": id, "title": title, "publication_date": date, "upvotes": votes}))
    };
    let lines = [
        paper("old", "2024-03-08", 30),
        paper("week-old", "2024-03-09", 30),
        paper("new", "2024-03-15", 16),
        paper("unseen", "2024-03-15", 0),
    ];
    let file = cognate.file("votes.jsonl", &lines.concat());
    cognate.json(&["index", &file]);
    let found = cognate.json(&["trends"]);
    assert_eq!(found["basis"], "votes");
    let scores: Vec<(&str, f64)> = found["papers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|paper| (paper["paper"]["id"].as_str().unwrap(), paper["score"].as_f64().unwrap()))
        .collect();
    let expected = [("week-old", 30.0 * 0.5_f64.powf(6.0 / 7.0)), ("new", 16.0), ("unseen", 0.0)];
    assert_eq!(scores.len(), 3, "{scores:?}");
    for ((id, score), (expected_id, expected_score)) in scores.into_iter().zip(expected) {
        assert_eq!(id, expected_id);
        assert!((score - expected_score).abs() < 1e-9, "{id}: {score}");
    }
}
