//! Damaged files give a vector or an error, never a panic; with a manifest, always the error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use cognate_embed::{EmbedError, ManifestFile, ModelManifest, Precision};
use sha2::{Digest, Sha256};

use crate::{copy_of, full_message, load, load_in};

const JSON_FILES: [&str; 6] = [
    "1_Pooling/config.json",
    "config.json",
    "config_sentence_transformers.json",
    "modules.json",
    "sentence_bert_config.json",
    "tokenizer.json",
];

/// Writes each damaged form of a file, and loads and uses what then is there. An error must name a file of
/// the model, or a text.
fn never_panics(model: &Path, path: &str, damaged: impl Iterator<Item = (String, Vec<u8>)>) {
    let file = model.join(path);
    let whole = std::fs::read(&file).unwrap();
    for (what, bytes) in damaged {
        std::fs::write(&file, bytes).unwrap();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            load(model).and_then(|encoder| encoder.embed_queries(&["deep learning \u{e9}", "", "[SEP] 7"]))
        }));
        match outcome {
            Err(_) => panic!("{path}, {what}: panicked"),
            Ok(Ok(vectors)) => assert_eq!(vectors.len(), 3, "{path}, {what}"),
            Ok(Err(error)) => {
                let message = full_message(&error);
                let names = message.contains(&model.display().to_string())
                    || matches!(error, EmbedError::NoDirection { .. } | EmbedError::Tokenize { .. });
                assert!(names, "{path}, {what}: {message}");
            }
        }
    }
    std::fs::write(file, whole).unwrap();
}

fn truncated(whole: &[u8], lengths: impl Iterator<Item = usize>) -> impl Iterator<Item = (String, Vec<u8>)> {
    lengths.map(|length| (format!("cut to {length} bytes"), whole[..length].to_vec()))
}

/// One bit of each of these bytes, another one from byte to byte.
fn flipped(whole: &[u8], positions: impl Iterator<Item = usize>) -> impl Iterator<Item = (String, Vec<u8>)> {
    positions.map(|position| {
        let mut bytes = whole.to_vec();
        bytes[position] ^= 1 << (position % 8);
        (format!("byte {position} flipped"), bytes)
    })
}

#[test]
fn damaged_json_never_panics() {
    let (_scratch, model) = copy_of("tiny-prompts");
    for path in JSON_FILES {
        let whole = std::fs::read(model.join(path)).unwrap();
        never_panics(&model, path, truncated(&whole, (0..whole.len()).step_by(17)));
        never_panics(&model, path, flipped(&whole, 0..whole.len()));
    }
    let (_scratch, model) = copy_of("tiny-head");
    for path in ["2_Dense/config.json", "modules.json"] {
        let whole = std::fs::read(model.join(path)).unwrap();
        never_panics(&model, path, truncated(&whole, (0..whole.len()).step_by(17)));
        never_panics(&model, path, flipped(&whole, 0..whole.len()));
    }
}

#[test]
fn damaged_weights_never_panic() {
    for (name, path) in [
        ("tiny-prompts", "model.safetensors"),
        ("tiny-odd", "model.safetensors"),
        ("tiny-head", "2_Dense/model.safetensors"),
        ("tiny-head", "4_Dense/model.safetensors"),
    ] {
        let (_scratch, model) = copy_of(name);
        let whole = std::fs::read(model.join(path)).unwrap();
        let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
        never_panics(&model, path, flipped(&whole, (0..header).step_by(5)));
        never_panics(&model, path, flipped(&whole, (header..whole.len()).step_by(997)));
        never_panics(&model, path, truncated(&whole, (0..whole.len()).step_by(991)));
    }
}

/// A copy of `tiny-mean` whose every weight is made of this byte.
fn filled(byte: u8) -> (tempfile::TempDir, std::path::PathBuf) {
    let (scratch, model) = copy_of("tiny-mean");
    let path = model.join("model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[header..].fill(byte);
    std::fs::write(&path, bytes).unwrap();
    (scratch, model)
}

#[test]
fn weights_that_are_no_numbers_are_an_error_when_loaded() {
    // NaN in every f32.
    let (_scratch, model) = filled(0xff);
    let message = full_message(&load(&model).unwrap_err());
    let expected =
        "model.safetensors: expected finite numbers in the tensor embeddings.word_embeddings.weight";
    assert!(message.contains(expected) && message.contains("found NaN at position 0"), "{message}");
}

#[test]
fn weights_that_give_no_direction_are_an_error() {
    for precision in [Precision::F32, Precision::Int8] {
        let (_scratch, model) = filled(0);
        let error = load_in(&model, precision).unwrap().embed_raw(&["a"]).unwrap_err();
        assert!(matches!(error, EmbedError::NoDirection { position: 0, .. }), "{error}");
    }
}

#[test]
fn a_template_with_an_undefined_token_is_an_error() {
    let (_scratch, model) = copy_of("tiny-mean");
    let path = model.join("tokenizer.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let broken = text.replacen(r#"{"SpecialToken":{"id":"[CLS]""#, r#"{"SpecialToken":{"id":"[CLX]""#, 1);
    assert_ne!(text, broken);
    std::fs::write(&path, broken).unwrap();
    let error = load(&model).unwrap_err();
    assert!(matches!(error, EmbedError::Tokenizer { .. }), "{error}");
}

#[test]
fn with_a_manifest_every_damage_is_seen_and_names_the_mend() {
    let (scratch, model) = copy_of("tiny-mean");
    let mut paths = JSON_FILES.to_vec();
    paths.push("model.safetensors");
    let describe = |path: &&str| {
        let bytes = std::fs::read(model.join(path)).unwrap();
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        ManifestFile { path: (*path).to_owned(), size: bytes.len() as u64, sha256 }
    };
    let manifest = ModelManifest {
        name: "model".to_owned(),
        licence: String::new(),
        query_prefix: String::new(),
        passage_prefix: String::new(),
        hub: Some(cognate_embed::HubSource { repository: "a/model".to_owned(), revision: "0".repeat(40) }),
        pypi: None,
        files: paths.iter().map(describe).collect(),
    };
    manifest.write(&scratch.path().join("model.toml")).unwrap();
    load(&model).unwrap();

    for path in paths {
        let file = model.join(path);
        let whole = std::fs::read(&file).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for damaged in [Some(flipped), Some(whole[..whole.len() - 1].to_vec()), None] {
            match damaged {
                Some(bytes) => std::fs::write(&file, bytes).unwrap(),
                None => std::fs::remove_file(&file).unwrap(),
            }
            let error = load(&model).unwrap_err();
            assert!(
                matches!(error, EmbedError::Damaged { .. } | EmbedError::Missing { .. }),
                "{path}: {error}"
            );
            let message = full_message(&error);
            assert!(message.contains(path) && message.contains("`cognate model pull model`"), "{message}");
        }
        std::fs::write(&file, whole).unwrap();
    }
}
