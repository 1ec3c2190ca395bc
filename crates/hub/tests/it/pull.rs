//! What a pull does when the network is well.

use std::fs;
use std::path::Path;

use cognate_embed::{Encoder, EncoderOptions, ModelFolder, ModelRoots};
use cognate_hub::{Endpoint, Fault as Whose, HubError, Repository, Revision, Token};

use crate::server::{Asked, COMMIT, Fault, Hub};
use crate::{assert_no_model, assert_whole, files_below, pull, request};

#[test]
fn a_model_is_pulled_and_pinned() {
    let hub = Hub::with_model();
    let folder = tempfile::tempdir().unwrap();
    let models_dir = folder.path().join("new/models");
    let mut events = Vec::new();
    let pulled = cognate_hub::pull(&request(&hub, &models_dir), &mut |progress| {
        events.push((progress.file.to_owned(), progress.done_bytes, progress.total_bytes));
    })
    .unwrap();
    assert_whole(&hub, &models_dir, &pulled);
    assert_eq!(pulled.manifest.name, "tiny");
    let source = pulled.manifest.hub.as_ref().unwrap();
    assert_eq!((source.repository.as_str(), source.revision.as_str()), ("owner/tiny", COMMIT));
    assert_eq!(pulled.manifest.licence, "apache-2.0");
    let total: u64 = pulled.manifest.files.iter().map(|file| file.size).sum();
    assert_eq!(pulled.fetched_bytes, total);
    assert!(events.iter().all(|event| event.2 == total) && events.is_sorted_by_key(|event| event.1));
    assert_eq!(events.last().unwrap(), &("model.safetensors".to_owned(), total, total));
    let asked = hub.asked();
    assert_eq!(asked[0].path, "/api/models/owner/tiny/revision/main");
    assert_eq!(asked.last().unwrap().path, format!("/owner/tiny/resolve/{COMMIT}/model.safetensors"));
    assert!(asked.iter().all(|asked| asked.authorization.is_none()));
}

#[test]
fn a_second_pull_verifies_and_asks_nobody() {
    let hub = Hub::with_model();
    let folder = tempfile::tempdir().unwrap();
    pull(&request(&hub, folder.path())).unwrap();
    hub.asked();
    let bare = cognate_hub::PullRequest {
        repository: Repository::parse("tiny").unwrap(),
        ..request(&hub, folder.path())
    };
    let again = pull(&bare).unwrap();
    assert_eq!((again.fetched_bytes, hub.asked()), (0, vec![]));
    assert_whole(&hub, folder.path(), &again);
}

#[test]
fn a_bare_name_is_of_sentence_transformers() {
    let hub = Hub::with_model();
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(&hub, folder.path());
    request.repository = Repository::parse("tiny").unwrap();
    assert_eq!(pull(&request).unwrap().manifest.hub.unwrap().repository, "sentence-transformers/tiny");
}

#[test]
fn missing_and_damaged_files_are_repaired() {
    let hub = Hub::with_model();
    let folder = tempfile::tempdir().unwrap();
    pull(&request(&hub, folder.path())).unwrap();
    hub.asked();
    fs::remove_dir_all(folder.path().join("tiny/1_Pooling")).unwrap();
    let weights = folder.path().join("tiny/model.safetensors");
    let mut damaged = fs::read(&weights).unwrap();
    damaged[1234] ^= 1;
    fs::write(&weights, &damaged).unwrap();
    let repaired = pull(&request(&hub, folder.path())).unwrap();
    assert_whole(&hub, folder.path(), &repaired);
    assert_eq!(repaired.fetched_bytes, 300_002);
    let asked: Vec<String> = hub.asked().into_iter().map(|asked| asked.path).collect();
    let file = |path: &str| format!("/owner/tiny/resolve/{COMMIT}/{path}");
    assert_eq!(asked, [file("1_Pooling/config.json"), file("model.safetensors")]);
}

#[test]
fn another_revision_needs_update() {
    let hub = Hub::with_model();
    let folder = tempfile::tempdir().unwrap();
    let first = pull(&request(&hub, folder.path())).unwrap();
    let new_commit = "f".repeat(40);
    hub.site.lock().unwrap().commit.clone_from(&new_commit);
    hub.put("model.safetensors", [1; 5000], true);
    hub.site.lock().unwrap().files.remove("1_Pooling/config.json");

    let mut request = request(&hub, folder.path());
    request.revision = Some(Revision::parse("main").unwrap());
    let error = pull(&request).unwrap_err();
    assert!(matches!(&error, HubError::Pinned { field: "hub.revision", .. }), "{error}");
    assert!(error.to_string().contains(&new_commit) && error.to_string().contains("--update"), "{error}");
    assert_eq!(error.fault(), Whose::Caller);
    assert_eq!(fs::read(first.folder.join("model.safetensors")).unwrap().len(), 300_000);

    request.update = true;
    let updated = pull(&request).unwrap();
    assert_eq!(updated.manifest.hub.unwrap().revision, new_commit);
    assert_eq!(fs::read(updated.folder.join("model.safetensors")).unwrap(), [1; 5000]);
    assert!(!files_below(folder.path()).contains("tiny/1_Pooling/config.json"));
    // Updating to where we are changes nothing.
    assert_eq!(pull(&request).unwrap().fetched_bytes, 0);
}

#[test]
fn a_pinned_file_that_changed_on_the_hub_is_refused() {
    let hub = Hub::with_model();
    let folder = tempfile::tempdir().unwrap();
    pull(&request(&hub, folder.path())).unwrap();
    fs::remove_file(folder.path().join("tiny/config.json")).unwrap();
    hub.put("config.json", *b"{\"model_type\": \"evil\"}\n", false);
    let error = pull(&request(&hub, folder.path())).unwrap_err();
    assert!(matches!(&error, HubError::Broken { file, .. } if file == "config.json"), "{error}");
    assert!(!files_below(folder.path()).contains("tiny/config.json"));
}

#[test]
fn two_repositories_do_not_share_a_folder() {
    let hub = Hub::with_model();
    let folder = tempfile::tempdir().unwrap();
    pull(&request(&hub, folder.path())).unwrap();
    let mut request = request(&hub, folder.path());
    request.repository = Repository::parse("other/tiny").unwrap();
    let error = pull(&request).unwrap_err();
    assert!(matches!(error, HubError::Pinned { field: "hub.repository", .. }), "{error}");
}

#[test]
fn files_of_the_users_own_are_left_alone() {
    let hub = Hub::with_model();
    let folder = tempfile::tempdir().unwrap();
    let weights = folder.path().join("tiny/model.safetensors");
    fs::create_dir(folder.path().join("tiny")).unwrap();
    fs::write(&weights, "my own").unwrap();
    let error = pull(&request(&hub, folder.path())).unwrap_err();
    assert!(matches!(&error, HubError::Foreign { path } if *path == weights), "{error}");
    assert_eq!(fs::read(&weights).unwrap(), b"my own");
}

#[test]
fn one_pull_at_a_time() {
    let hub = Hub::with_model();
    let folder = tempfile::tempdir().unwrap();
    let request = request(&hub, folder.path());
    let mut n_refused = 0;
    let pulled = cognate_hub::pull(&request, &mut |_| {
        let error = pull(&request).unwrap_err();
        assert!(matches!(error, HubError::Busy { .. }), "{error}");
        assert_eq!(error.fault(), Whose::System);
        n_refused += 1;
    })
    .unwrap();
    assert!(n_refused > 0);
    assert_whole(&hub, folder.path(), &pulled);
}

#[test]
fn the_token_stays_with_the_endpoint() {
    let hub = Hub::with_model();
    let store = Hub::with_model();
    let folder = tempfile::tempdir().unwrap();
    hub.fail("api", [Fault::Redirect("/api/models/owner/renamed/revision/main?blobs=true".to_owned())]);
    let elsewhere = format!("{}/model.safetensors?signature=secret", store.endpoint);
    hub.fail("model.safetensors", [Fault::Redirect(elsewhere)]);
    let mut request = request(&hub, folder.path());
    request.token = Some(Token::parse("hf_secret").unwrap());
    let pulled = pull(&request).unwrap();
    assert_whole(&hub, folder.path(), &pulled);
    let bearer = |asked: &Asked| asked.authorization.as_deref() == Some("Bearer hf_secret");
    let asked = hub.asked();
    assert_eq!(asked[1].path, "/api/models/owner/renamed/revision/main");
    assert!(asked.iter().all(bearer), "{asked:?}");
    let asked = store.asked();
    assert_eq!((asked.len(), asked[0].path.as_str()), (1, "/model.safetensors"));
    assert_eq!(asked[0].authorization, None);
}

#[test]
fn an_endpoint_below_a_path() {
    let hub = Hub::with_model();
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(&hub, folder.path());
    request.endpoint = Endpoint::parse(&format!("{}/mirror/", hub.endpoint)).unwrap();
    // The route is another, so this server has nothing there.
    let error = pull(&request).unwrap_err();
    assert!(matches!(error, HubError::Status { status: 404, .. }), "{error}");
    assert_eq!(hub.asked()[0].path, "/mirror/api/models/owner/tiny/revision/main");
}

#[test]
fn what_is_missing_is_said() {
    let check = |missing: &str, instead: Option<&str>, advice: &str| {
        let hub = Hub::with_model();
        hub.site.lock().unwrap().files.remove(missing);
        if let Some(instead) = instead {
            hub.put(instead, *b"{}", false);
        }
        let folder = tempfile::tempdir().unwrap();
        let error = pull(&request(&hub, folder.path())).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, HubError::Missing { .. }), "{text}");
        assert!(text.contains(missing) && text.contains(advice) && text.contains("README.md"), "{text}");
        assert_no_model(folder.path());
    };
    check("model.safetensors", None, "sentence-transformers model");
    check("model.safetensors", Some("pytorch_model.bin"), "refs/pr/");
    check("model.safetensors", Some("model.safetensors.index.json"), "split over several files");
    check("tokenizer.json", None, "AutoTokenizer");
    check("config.json", None, "no transformers model");
    check("modules.json", None, "no sentence-transformers model");
}

#[test]
fn statuses_say_what_to_do() {
    let check = |status: u16, headers: &'static str, advice: &str, n_asked: usize, whose: Whose| {
        let hub = Hub::with_model();
        hub.fail("api", vec![Fault::Status(status, headers); 3]);
        let folder = tempfile::tempdir().unwrap();
        let error = pull(&request(&hub, folder.path())).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&status.to_string()) && text.contains(advice), "{text}");
        assert_eq!((hub.asked().len(), error.fault()), (n_asked, whose), "{text}");
        assert_no_model(folder.path());
    };
    check(401, "", "set HF_TOKEN", 1, Whose::Caller);
    check(403, "X-Error-Code: GatedRepo\r\n", "accept its terms", 1, Whose::Caller);
    check(404, "X-Error-Code: RepoNotFound\r\n", "check the name", 1, Whose::Caller);
    check(
        404,
        "X-Error-Code: RevisionNotFound\r\nX-Error-Message: No main\r\n",
        "(No main)",
        1,
        Whose::Caller,
    );
    check(429, "Retry-After: 0\r\n", "too many requests", 3, Whose::Hub);
    check(503, "", "overloaded", 3, Whose::Hub);
    check(418, "", "HF_ENDPOINT", 1, Whose::Hub);
}

#[test]
fn a_pulled_model_loads_and_embeds() {
    loads_and_embeds("tiny-mean");
}

#[test]
fn so_does_one_with_further_layers() {
    loads_and_embeds("tiny-head");
}

fn loads_and_embeds(model: &str) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../embed/tests/fixtures").join(model);
    let hub = Hub::start();
    for path in files_below(&fixture) {
        hub.put(&path, fs::read(fixture.join(&path)).unwrap(), path.ends_with(".safetensors"));
    }
    let folder = tempfile::tempdir().unwrap();
    hub.fail("model.safetensors", [Fault::Cut(50_000)]);
    pull(&request(&hub, folder.path())).unwrap();

    let load = |name: &str, roots: &ModelRoots| {
        let found = ModelFolder::locate(name, roots).unwrap();
        found.verify().unwrap();
        Encoder::load(&found, &EncoderOptions::default()).unwrap()
    };
    let roots = ModelRoots::new(vec![folder.path().to_owned()]);
    let pulled = load("tiny", &roots);
    let published = load(fixture.to_str().unwrap(), &roots);
    assert_eq!(pulled.identity().weights_sha256, published.identity().weights_sha256);
    let texts = ["dark matter", "sleep and memory"];
    assert_eq!(pulled.embed_passages(&texts).unwrap(), published.embed_passages(&texts).unwrap());

    // Damaged afterwards: loading names the mend, and the mend works.
    fs::write(folder.path().join("tiny/tokenizer.json"), "{}").unwrap();
    let damaged = ModelFolder::locate("tiny", &roots).unwrap();
    let error = Encoder::load(&damaged, &EncoderOptions::default()).unwrap_err();
    assert!(error.to_string().contains("cognate model pull tiny"), "{error}");
    pull(&request(&hub, folder.path())).unwrap();
    load("tiny", &roots);
}
