//! Vectors against those of sentence-transformers in f32.

use std::path::Path;

use cognate_embed::{Encoder, EncoderOptions, ModelFolder, ModelRoots, Pooling, Precision, UnitVector};
use serde::Deserialize;

use crate::{TINY_MODELS, copy_of, fixtures, load, load_in};

/// How far a cosine may be from 1, for f32: more than ten times what rounding takes.
const F32: f32 = 1e-5;
/// For 8 bits on real abstracts.
const INT8: f32 = 2.5e-3;
/// For 8 bits on the tiny models with further layers, whose vectors are as asked for.
const INT8_HEAD: f32 = 5e-3;
/// For 8 bits on the tiny models, whose random weights are larger than any trained model's and whose short
/// rows and texts average few errors away.
const INT8_TINY: f32 = 1e-2;

/// `NAME.reference.json`, as `scripts/make-tiny-models` writes it.
#[derive(Deserialize)]
struct Reference {
    texts: Vec<String>,
    n_tokens: Vec<usize>,
    raw: Vec<Vec<f32>>,
    /// The same cut to the first components.
    truncated: Option<Vec<Vec<f32>>>,
    query: Vec<Vec<f32>>,
    passage: Vec<Vec<f32>>,
}

fn reference(name: &str) -> Reference {
    let path = fixtures().join(format!("{name}.reference.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn assert_equal(what: &str, tolerance: f32, found: &[UnitVector], expected: &[Vec<f32>]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
        let expected = UnitVector::normalize(expected.clone()).unwrap();
        assert_eq!(found.dim(), expected.dim(), "{what}, row {row}");
        let cosine = found.cosine(&expected);
        assert!(cosine >= 1.0 - tolerance, "{what}, row {row}: cosine {cosine}");
    }
}

#[test]
fn tiny_models_of_every_kind_equal_sentence_transformers() {
    for (name, (precision, tolerance)) in TINY_MODELS
        .iter()
        .flat_map(|&name| [(Precision::F32, F32), (Precision::Int8, INT8_TINY)].map(|how| (name, how)))
    {
        let encoder = load_in(&fixtures().join(name), precision).unwrap();
        let reference = reference(name);
        let has_head = !encoder.identity().head_sha256.is_empty();
        let tolerance = if has_head { tolerance.min(INT8_HEAD) } else { tolerance };
        let texts: Vec<&str> = reference.texts.iter().map(String::as_str).collect();
        let check = |kind: &str, found: Result<Vec<UnitVector>, _>, expected: &[Vec<f32>]| {
            assert_equal(&format!("{name}, {precision}, {kind}"), tolerance, &found.unwrap(), expected);
        };
        check("raw", encoder.embed_raw(&texts), &reference.raw);
        check("query", encoder.embed_queries(&texts), &reference.query);
        check("passage", encoder.embed_passages(&texts), &reference.passage);
        let n_tokens: Vec<usize> = texts.iter().map(|text| encoder.count_tokens(text)).collect();
        assert_eq!(n_tokens, reference.n_tokens, "{name}");
        assert_eq!(has_head, reference.truncated.is_some(), "{name}");
        if let Some(expected) = reference.truncated {
            let dim = Some(expected[0].len());
            let cut = encoder.with_options(&EncoderOptions { dim, ..EncoderOptions::default() }).unwrap();
            let what = format!("{name}, {precision}, {} components", expected[0].len());
            assert_equal(&what, tolerance, &cut.embed_raw(&texts).unwrap(), &expected);
        }
    }
}

#[test]
fn the_identity_says_what_the_folder_and_the_options_say() {
    let check = |name: &str, pooling: Pooling, dim: usize, query_prefix: &str, passage_prefix: &str| {
        let encoder = load(&fixtures().join(name)).unwrap();
        let identity = encoder.identity();
        assert_eq!(identity.name, name);
        assert_eq!((identity.pooling, identity.dim, identity.max_tokens), (pooling, dim, 40), "{name}");
        assert_eq!(identity.query_prefix, query_prefix, "{name}");
        assert_eq!(identity.passage_prefix, passage_prefix, "{name}");
        assert_eq!(identity.weights_sha256.len(), 64, "{name}");
        let json = serde_json::to_string(identity).unwrap();
        assert!(json.contains(r#""precision":"int8""#), "{json}");
        assert_eq!(serde_json::from_str::<cognate_embed::ModelIdentity>(&json).unwrap(), *identity);
    };
    check("tiny-mean", Pooling::Mean, 32, "", "");
    check("tiny-cls", Pooling::Cls, 32, "search the passage for: ", "");
    check("tiny-prompts", Pooling::Mean, 32, "query: ", "passage: ");
    check("tiny-odd", Pooling::Mean, 36, "", "");
    check("tiny-dense", Pooling::Mean, 48, "search the passage for: ", "");
    check("tiny-head", Pooling::Cls, 24, "query: ", "passage: ");
}

#[test]
fn further_layers_are_part_of_the_identity() {
    let head = |model: &Path| load(model).unwrap().identity().head_sha256.clone();
    assert_eq!(head(&fixtures().join("tiny-mean")), "");
    let (_scratch, model) = copy_of("tiny-dense");
    let published = head(&model);
    assert_eq!(published.len(), 64);
    // Each of these gives other vectors, by the same weights of the BERT.
    let config = model.join("2_Dense/config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("linear.Identity", "activation.Tanh")).unwrap();
    assert_ne!(head(&model), published);
    std::fs::write(&config, &text).unwrap();
    let weights = model.join("2_Dense/model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    assert_ne!(head(&model), published);
}

#[test]
fn more_components_than_there_are_are_refused() {
    for (dim, expected) in [(0, "found 0"), (49, "found 49")] {
        let folder = fixtures().join("tiny-dense");
        let folder = ModelFolder::locate(folder.to_str().unwrap(), &ModelRoots::new(Vec::new())).unwrap();
        let options = EncoderOptions { dim: Some(dim), ..EncoderOptions::default() };
        let message = Encoder::load(&folder, &options).unwrap_err().to_string();
        assert!(message.contains("1 to 48 dimensions") && message.contains(expected), "{message}");
    }
}

#[test]
fn no_texts_give_no_vectors() {
    let encoder = load(&fixtures().join("tiny-mean")).unwrap();
    assert!(encoder.embed_passages(&[]).unwrap().is_empty());
}

#[test]
fn an_encoder_is_shared_between_threads() {
    let encoder = std::sync::Arc::new(load(&fixtures().join("tiny-mean")).unwrap());
    let expected = encoder.embed_raw(&["prime number theory"]).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (encoder, expected) = (encoder.clone(), &expected);
            scope.spawn(move || {
                assert_eq!(&encoder.embed_raw(&["prime number theory"]).unwrap(), expected);
            });
        }
    });
}

/// The published model on real abstracts.
#[test]
fn the_default_model_equals_sentence_transformers_on_real_abstracts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = root.join("../shared/data/daily-papers.txt");
    if !page.is_file() {
        eprintln!("SKIPPED: needs ../shared/data");
        return;
    }
    let roots = ModelRoots::new(vec![root.join("models")]);
    let folder = ModelFolder::locate("all-MiniLM-L6-v2", &roots).expect("scripts/fetch-model has been run");
    folder.verify().unwrap();
    let page = std::fs::read_to_string(page).unwrap();
    let abstracts = abstracts(&page);
    let (dim, expected) =
        read_npy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/daily-papers.f32.npy"));
    assert_eq!(abstracts.len(), 54);
    let expected: Vec<Vec<f32>> = expected.chunks_exact(dim).map(<[f32]>::to_vec).collect();
    for (precision, tolerance) in [(Precision::F32, F32), (Precision::Int8, INT8)] {
        let encoder =
            Encoder::load(&folder, &EncoderOptions { precision, ..EncoderOptions::default() }).unwrap();
        assert_eq!((encoder.identity().dim, encoder.identity().max_tokens), (384, 256));
        let found = encoder.embed_raw(&abstracts).unwrap();
        assert_equal(&format!("daily papers, {precision}"), tolerance, &found, &expected);
        // The cut at 256 is the model's; the tokenizer's own file says 128.
        assert_eq!(abstracts.iter().map(|text| encoder.count_tokens(text)).max(), Some(256));
    }
}

/// Title and abstract alternate, a paragraph each, under a heading that ends with the day.
fn abstracts(page: &str) -> Vec<&str> {
    let paragraphs = page.split("\n\n").map(str::trim);
    let is_day = |text: &&str| {
        let (month, day) = text.split_once(' ').unwrap_or_default();
        month.len() == 3 && day.len() <= 2 && day.parse::<u8>().is_ok()
    };
    paragraphs.skip_while(|text| !is_day(text)).skip(2).step_by(2).collect()
}

/// A NumPy array of little-endian f32 `[n, dim]`: `dim` and the numbers.
fn read_npy(path: &Path) -> (usize, Vec<f32>) {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..start]).unwrap();
    assert!(header.contains("'descr': '<f4', 'fortran_order': False"), "{header}");
    let dim = header.split([',', ')']).filter_map(|part| part.trim().parse().ok()).next_back().unwrap();
    let numbers = bytes[start..].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    (dim, numbers.collect())
}
