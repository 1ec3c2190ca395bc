//! The store and derived files damaged, stopped and running: told, and answered rightly.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Cognate, Server, first_line, ids, root, timeless};

/// Finds a text in a file and flips a bit of its first byte.
fn flip_in(file: &Path, text: &str) {
    let mut bytes = std::fs::read(file).unwrap();
    let at = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    bytes[at] ^= 1;
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn a_damaged_paper_is_set_aside_and_repaired_by_its_file() {
    let tiny = root().join("crates/embed/tests/fixtures/tiny-mean");
    let tiny = tiny.to_str().unwrap();
    let cognate = Cognate::new();
    let papers: String = ["Quokkas of the island", "Numbats and termites", "Bilbies in burrows"]
        .iter()
        .enumerate()
        .map(|(n, title)| {
            serde_json::json!({"id": format!("p{n}"), "title": title, "doi": format!("10.5555/p{n}")})
                .to_string()
                + "\n"
        })
        .collect();
    let file = cognate.file("papers.jsonl", &papers);
    cognate.json(&["--model", tiny, "index", &file]);
    // A title, an id and an identifier.
    for text in ["Numbats and termites", "Bilbies in burrows", "p2", "10.5555/p0"] {
        flip_in(&cognate.store(), text);
        let doctor = cognate.run(&["--json", "doctor"]);
        assert_eq!(doctor.status.code(), Some(1), "{text}");
        let checks = first_line(&doctor);
        assert_eq!(checks["ok"], false, "{text}: {checks}");
        let found =
            ids(&cognate.json(&["--model", tiny, "search", "island burrows termites", "--mode", "semantic"]));
        assert!(found.iter().all(|id| ["p0", "p1", "p2"].contains(&id.as_str())), "{text}: {found:?}");
        cognate.json(&["--model", tiny, "index", &file]);
        let found =
            ids(&cognate.json(&["--model", tiny, "search", "island burrows termites", "--mode", "semantic"]));
        assert_eq!(found.len(), 3, "{text}");
        assert_eq!(cognate.json(&["get", "10.5555/p1"])["title"], "Numbats and termites", "{text}");
        let store_is_well = |check: &Value| check["ok"] == true || check["name"] == "model";
        let checks = first_line(&cognate.run(&["--json", "doctor"]));
        assert!(checks["checks"].as_array().unwrap().iter().all(store_is_well), "{text}: {checks}");
    }
}

/// All files below a folder but locks.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path.file_name().is_some_and(|name| !name.to_string_lossy().contains("lock")) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// What damages do to a file.
const DAMAGES: [&str; 5] = ["zeroed", "cut short", "emptied", "a folder", "removed"];

fn damage(file: &Path, what: &str) {
    use std::io::Write;
    let len = file.metadata().unwrap().len();
    let in_place = || std::fs::OpenOptions::new().write(true).open(file).unwrap();
    match what {
        "zeroed" => in_place().write_all(&vec![0; len as usize]).unwrap(),
        "cut short" => in_place().set_len(len / 2).unwrap(),
        "emptied" => in_place().set_len(0).unwrap(),
        "a folder" => {
            std::fs::remove_file(file).unwrap();
            std::fs::create_dir_all(file.join("inside")).unwrap();
        }
        _ => std::fs::remove_file(file).unwrap(),
    }
}

#[test]
fn derived_files_damaged_under_a_running_server_change_no_answer() {
    let cognate = Cognate::with_demo();
    cognate.json(&["search", "x"]);
    let server = cognate.serve(&[]);
    let ask = |server: &Server| {
        let ask = |mode: &str| {
            let answer =
                server.get(&format!("/v1/search?q=sleep+and+memory&mode={mode}&limit=20&facets=year"));
            assert_eq!(answer.status, 200, "{}", answer.body);
            let mut answer = timeless(answer.body);
            answer["meta"].as_object_mut().unwrap().remove("generation");
            answer
        };
        ["semantic", "keyword"].map(ask)
    };
    let expected = ask(&server);
    let index = cognate.data().join("index");
    let mut n_damages = 0;
    for what in DAMAGES {
        let n_files = files_below(&index).len();
        for which in 0..n_files {
            let files = files_below(&index);
            let Some(file) = files.get(which) else { continue };
            damage(file, what);
            n_damages += 1;
            assert_eq!(ask(&server), expected, "{}: {what}", file.display());
            // What is committed from now on is found too, whatever the file was for.
            let paper = serde_json::json!({"id": "new", "title": format!("Zyzzyva {n_damages}")}).to_string();
            assert_eq!(
                server.post("/v1/papers", "application/json", &paper).status,
                200,
                "{}: {what}",
                file.display()
            );
            let found = server.get(&format!("/v1/search?q=zyzzyva+{n_damages}&mode=keyword&limit=1")).body;
            assert_eq!(ids(&found), ["new"], "{}: {what}", file.display());
            assert_eq!(server.delete("/v1/papers/new").status, 204);
            assert_eq!(ask(&server), expected, "{}: {what}", file.display());
        }
    }
    assert!(n_damages >= 40, "{n_damages}");
    assert_eq!(server.terminate(), Some(0));

    // And at rest.
    for what in DAMAGES {
        for which in 0..files_below(&index).len() {
            let files = files_below(&index);
            let Some(file) = files.get(which) else { continue };
            damage(file, what);
            let server = cognate.serve(&[]);
            assert_eq!(ask(&server), expected, "at rest, {}: {what}", file.display());
            assert_eq!(server.terminate(), Some(0));
        }
    }
    assert_eq!(cognate.json(&["doctor"])["ok"], true);
}

/// Whether this is the one whom no permission stops.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Takes or gives the right to write to a folder and all below it.
fn set_writable(folder: &Path, is_writable: bool) {
    use std::os::unix::fs::PermissionsExt;
    let set = |path: &Path, mode: u32| {
        let mode = if is_writable { mode | 0o200 } else { mode };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set(folder, 0o555);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { set_writable(&path, is_writable) } else { set(&path, 0o444) }
    }
}

/// The command as somebody without rights to others' files.
fn as_reader(cognate: &Cognate, args: &[&str]) -> std::process::Output {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    std::fs::set_permissions(cognate.folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = cognate.command(args);
    if is_root() {
        command.uid(65_534).gid(65_534);
    }
    command.output().unwrap()
}

#[test]
fn a_folder_that_cannot_be_written_can_be_searched_unless_commits_wait() {
    let cognate = Cognate::with_demo();
    let question = ["--json", "search", "sleep and memory", "--limit", "20"];
    let expected = timeless(crate::harness::last_line(&cognate.run(&question)));
    set_writable(&cognate.data(), false);
    let found = as_reader(&cognate, &question);
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    assert_eq!(timeless(crate::harness::last_line(&found)), expected);
    let refused = as_reader(&cognate, &["--json", "delete", "demo-001"]);
    assert!(String::from_utf8_lossy(&refused.stdout).contains("read-only"), "{refused:?}");
    set_writable(&cognate.data(), true);

    // A copy of a store whose last commits are in its log.
    let copy = Cognate::new();
    std::fs::create_dir(copy.data()).unwrap();
    let server = cognate.serve(&[]);
    let paper = r#"{"id": "last", "title": "The last commit"}"#;
    assert_eq!(server.post("/v1/papers", "application/json", paper).status, 200);
    let wal = |cognate: &Cognate| format!("{}-wal", cognate.store().display());
    std::fs::copy(cognate.store(), copy.store()).unwrap();
    std::fs::copy(wal(&cognate), wal(&copy)).unwrap();
    set_writable(&copy.data(), false);
    let refused = as_reader(&copy, &question);
    assert!(String::from_utf8_lossy(&refused.stdout).contains("commits wait"), "{refused:?}");
    set_writable(&copy.data(), true);
    assert_eq!(copy.json(&["get", "last"])["title"], "The last commit");
}

#[test]
fn on_a_full_disk_searches_go_on_and_nothing_is_lost() {
    let demo = Cognate::with_demo();
    let cognate = Cognate::new();
    std::fs::create_dir(cognate.data()).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"])
        .arg(cognate.data())
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("SKIPPED: a small disk cannot be mounted here");
        return;
    }
    let _unmount = Unmount(cognate.data());
    std::fs::copy(demo.store(), cognate.store()).unwrap();
    let server = cognate.serve(&[]);
    let ask = || {
        let answer = server.get("/v1/search?q=sleep+and+memory&limit=20");
        assert_eq!(answer.status, 200, "{}", answer.body);
        ids(&answer.body)
    };
    let expected = ask();
    // Full but for a little, which SQLite may have and the index not, and then full.
    let filler = cognate.data().join("filler");
    let fill = |leave: usize| {
        use std::io::Write;
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&filler).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
        let len = file.metadata().unwrap().len();
        file.set_len(len.saturating_sub(leave as u64)).unwrap();
    };
    let mut acknowledged = Vec::new();
    for (round, leave) in [200_000, 60_000, 30_000, 0, 0].into_iter().enumerate() {
        fill(leave);
        let paper =
            serde_json::json!({"id": format!("full-{round}"), "title": format!("Walrus number{round}")});
        if server.post("/v1/papers", "application/json", &paper.to_string()).status == 200 {
            acknowledged.push(round);
        }
        assert_eq!(ask(), expected, "round {round}");
        for round in &acknowledged {
            let found = server.get(&format!("/v1/search?q=walrus+number{round}&mode=keyword&limit=1")).body;
            assert_eq!(ids(&found), [format!("full-{round}")]);
        }
        assert_eq!(server.get("/health").status, 200);
    }
    assert!(acknowledged.len() < 5, "the disk was full");
    std::fs::remove_file(&filler).unwrap();
    let paper = r#"{"id": "after", "title": "Walrus afterwards"}"#;
    assert_eq!(server.post("/v1/papers", "application/json", paper).status, 200);
    assert_eq!(server.terminate(), Some(0));
    for id in acknowledged.iter().map(|round| format!("full-{round}")).chain(["after".to_owned()]) {
        cognate.json(&["get", &id]);
    }
}

/// Unmounts when the test ends, however it ends.
struct Unmount(PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
