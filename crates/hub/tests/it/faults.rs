//! What a pull does when the network, the server or this machine is not well.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cognate_hub::{HubError, RetryPolicy};

use crate::server::{Fault, Hub};
use crate::{assert_no_model, assert_whole, files_below, pull, request};

const WEIGHTS: &str = "model.safetensors";

#[test]
fn a_download_goes_on_where_it_stopped() {
    let check = |faults: &[Fault], ranges: &[&str]| {
        let hub = Hub::with_model();
        hub.fail(WEIGHTS, faults.to_vec());
        let folder = tempfile::tempdir().unwrap();
        let pulled =
            pull(&request(&hub, folder.path())).unwrap_or_else(|error| panic!("{faults:?}: {error}"));
        assert_whole(&hub, folder.path(), &pulled);
        assert_eq!(hub.ranges(WEIGHTS), ranges, "{faults:?}");
    };
    check(&[], &["-"]);
    check(&[Fault::Cut(100_000)], &["-", "bytes=100000-"]);
    check(&[Fault::Cut(0), Fault::Cut(7)], &["-", "-", "bytes=7-"]);
    check(&[Fault::Short(250_000)], &["-", "bytes=250000-"]);
    check(&[Fault::Short(1), Fault::Cut(1)], &["-", "bytes=1-", "bytes=2-"]);
    check(&[Fault::Cut(100_000), Fault::Whole], &["-", "bytes=100000-"]);
    check(&[Fault::Cut(100_000), Fault::ContentRange("bytes 5-299999/300000")], &["-", "bytes=100000-", "-"]);
    check(&[Fault::Cut(100_000), Fault::ContentRange("nonsense")], &["-", "bytes=100000-", "-"]);
    check(&[Fault::Cut(100_000), Fault::Status(416, "")], &["-", "bytes=100000-", "-"]);
    check(&[Fault::Status(503, ""), Fault::Status(429, "Retry-After: 0\r\n")], &["-", "-", "-"]);
    check(&[Fault::Unmarked(100_000)], &["-", "bytes=100000-"]);
    check(&[Fault::Unmarked(300_001)], &["-", "-"]);
    check(&[Fault::Flipped], &["-", "-"]);
    // The beginning of a part is not trusted either: a resumed file is checked whole.
    check(&[Fault::Cut(100_000), Fault::Flipped], &["-", "bytes=100000-", "-"]);
}

#[test]
fn progress_over_a_bad_line_is_not_giving_up() {
    let hub = Hub::with_model();
    let weights = vec![3; 6 << 20];
    hub.put(WEIGHTS, weights, true);
    hub.fail(WEIGHTS, vec![Fault::Cut(1 << 20); 5]);
    let folder = tempfile::tempdir().unwrap();
    pull(&request(&hub, folder.path())).unwrap();
    assert_eq!(hub.ranges(WEIGHTS).len(), 6);
}

#[test]
fn a_killed_pull_leaves_no_model_and_is_resumed() {
    for stop_at in [8_000, 50_000, 200_000] {
        let hub = Hub::with_model();
        let folder = tempfile::tempdir().unwrap();
        let request = request(&hub, folder.path());
        let killed = catch_unwind(AssertUnwindSafe(|| {
            cognate_hub::pull(&request, &mut |progress| {
                let is_weights = progress.file == WEIGHTS;
                assert!(!is_weights || progress.done_bytes < stop_at, "killed");
            })
        }));
        assert!(killed.is_err());
        assert_no_model(folder.path());
        hub.asked();
        let pulled = pull(&request).unwrap();
        assert_whole(&hub, folder.path(), &pulled);
        let asked = hub.asked();
        let files: Vec<&str> = asked.iter().map(|asked| asked.path.rsplit('/').next().unwrap()).collect();
        assert_eq!(files, ["main", WEIGHTS], "files that were whole are not asked for again");
        assert!(asked[1].range.is_some(), "{asked:?}");
    }
}

#[test]
fn a_part_of_something_else_is_replaced() {
    let check = |held: Vec<u8>, ranges: &[&str]| {
        let hub = Hub::with_model();
        let folder = tempfile::tempdir().unwrap();
        let staging = folder.path().join(".tiny.pull/files");
        fs::create_dir_all(&staging).unwrap();
        fs::write(staging.join("model.safetensors.part"), held).unwrap();
        fs::write(staging.join("config.json"), "not it").unwrap();
        let pulled = pull(&request(&hub, folder.path())).unwrap();
        assert_whole(&hub, folder.path(), &pulled);
        assert_eq!(hub.ranges(WEIGHTS), ranges);
    };
    check(vec![0; 10], &["bytes=10-", "-"]);
    check(vec![0; 300_000], &["-"]);
    check(vec![0; 300_001], &["-"]);
}

#[test]
fn a_file_that_is_wrong_twice_is_named() {
    let hub = Hub::with_model();
    hub.fail(WEIGHTS, [Fault::Flipped, Fault::Flipped]);
    let folder = tempfile::tempdir().unwrap();
    let error = pull(&request(&hub, folder.path())).unwrap_err();
    let HubError::Broken { file, expected, found, .. } = &error else { panic!("{error}") };
    assert_eq!(file, WEIGHTS);
    let content = hub.content(WEIGHTS);
    assert_eq!(*expected, format!("SHA-256 {}", crate::server::sha256(&content)));
    assert!(found.starts_with("SHA-256 ") && found != expected);
    assert!(!files_below(folder.path()).iter().any(|path| path.contains(WEIGHTS)));

    let hub = Hub::with_model();
    hub.fail("tokenizer.json", [Fault::Flipped, Fault::Flipped]);
    let folder = tempfile::tempdir().unwrap();
    let error = pull(&request(&hub, folder.path())).unwrap_err();
    assert!(
        matches!(&error, HubError::Broken { expected, .. } if expected.starts_with("git blob ")),
        "{error}"
    );
    assert_no_model(folder.path());
}

#[test]
fn giving_up_says_how_far_it_came() {
    let hub = Hub::with_model();
    hub.fail(WEIGHTS, [Fault::Short(1000), Fault::Short(1000), Fault::Short(1000)]);
    let folder = tempfile::tempdir().unwrap();
    let error = pull(&request(&hub, folder.path())).unwrap_err();
    assert!(
        matches!(&error, HubError::Length { expected: 300_000, found: 3000, attempts: 3, .. }),
        "{error}"
    );
    assert_no_model(folder.path());
    assert!(files_below(folder.path()).contains(".tiny.pull/files/model.safetensors.part"));

    // More than the hub announced is another file, and not worth a second attempt.
    hub.asked();
    fs::remove_dir_all(folder.path().join(".tiny.pull")).unwrap();
    hub.fail(WEIGHTS, [Fault::Long(1)]);
    let error = pull(&request(&hub, folder.path())).unwrap_err();
    assert!(matches!(&error, HubError::Length { found: 300_001, attempts: 1, .. }), "{error}");
    assert_eq!(hub.ranges(WEIGHTS), ["-"]);
}

#[test]
fn nobody_answers() {
    let hub = Hub::with_model();
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(&hub, folder.path());
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    request.endpoint = cognate_hub::Endpoint::parse(&format!("http://{free}")).unwrap();
    let error = pull(&request).unwrap_err();
    assert!(matches!(&error, HubError::Connection { attempts: 3, .. }), "{error}");
    assert!(std::error::Error::source(&error).is_some());
    request.retry = RetryPolicy { attempts: 1, ..request.retry };
    let error = pull(&request).unwrap_err();
    assert!(matches!(&error, HubError::Connection { attempts: 1, .. }), "{error}");
}

#[test]
fn redirects_that_lead_nowhere() {
    let check = |to: &str| {
        let hub = Hub::with_model();
        hub.fail("api", vec![Fault::Redirect(to.to_owned()); 20]);
        let folder = tempfile::tempdir().unwrap();
        let error = pull(&request(&hub, folder.path())).unwrap_err();
        assert!(matches!(error, HubError::Redirect { .. }), "{error}");
        assert!(hub.asked().len() < 12);
    };
    check("/api/models/owner/tiny/revision/main");
    check("file:///etc/passwd");
    check("");
}

#[test]
fn descriptions_are_not_trusted() {
    let check = |description: String, expected: &str| {
        let hub = Hub::with_model();
        hub.site.lock().unwrap().description = Some(description);
        let folder = tempfile::tempdir().unwrap();
        let error = pull(&request(&hub, folder.path())).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, HubError::Untrusted { .. } | HubError::Listing { .. }), "{text}");
        assert!(text.contains(expected), "{text} lacks {expected}");
        assert_eq!(hub.asked().len(), 1, "nothing is downloaded");
        assert!(files_below(folder.path()).is_empty());
    };
    let file = |name: &str, size: u64| {
        let name = serde_json::to_string(name).unwrap();
        let (sha, hash) = ("a".repeat(40), "b".repeat(64));
        format!(
            r#"{{"sha":"{sha}","siblings":[{{"rfilename":{name},"size":{size},"lfs":{{"sha256":"{hash}","size":{size}}}}}]}}"#
        )
    };
    for name in [
        "../config.json",
        "/etc/config.json",
        "1_Pooling/../../config.json",
        "..\\config.json",
        "C:config.json",
    ] {
        check(file(name, 1), "rfilename");
    }
    check(file("a\u{0}b", 1), "rfilename");
    check(file("model.safetensors", 1 << 60), "size of model.safetensors");
    check(file("tokenizer.json", 1 << 30), "size of tokenizer.json");
    check("<html>Log in to the network</html>".to_owned(), "HF_ENDPOINT");
    check(r#"{"sha":"../../x","siblings":[]}"#.to_owned(), "sha");
    let twice = r#"{"rfilename":"config.json","size":1,"blobId":"0000000000000000000000000000000000000000"}"#;
    check(format!(r#"{{"sha":"{}","siblings":[{twice},{twice}]}}"#, "a".repeat(40)), "each file once");
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_symbolic_link() {
    use std::os::unix::fs::symlink;
    let check = |link: &str, is_folder: bool| {
        let hub = Hub::with_model();
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        let models_dir = folder.path().join("models");
        if is_folder {
            fs::create_dir(&outside).unwrap();
        } else {
            fs::write(&outside, "").unwrap();
        }
        let link = models_dir.join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(&outside, &link).unwrap();
        let error = pull(&request(&hub, &models_dir)).unwrap_err();
        assert!(matches!(&error, HubError::Symlink { path } if *path == link), "{error}");
        assert!(if is_folder {
            files_below(&outside).is_empty()
        } else {
            fs::read(&outside).unwrap().is_empty()
        });
    };
    check("tiny", true);
    check("tiny/1_Pooling", true);
    check("tiny/model.safetensors", false);
    check("tiny.toml", false);
    check(".tiny.pull", true);
    check(".tiny.pull/files", true);
    check(".tiny.pull/lock", false);
    check(".tiny.pull/files/model.safetensors.part", false);
}
