//! Folders as people have them: other layouts that work, and models that are refused by name.

use cognate_embed::{
    EmbedError, Encoder, EncoderOptions, ManifestFile, ModelFolder, ModelManifest, ModelRoots,
};

use crate::{copy_of, fixtures, full_message, load};

/// Loads `tiny-mean` with one file replaced and expects an error that says all of `expected`.
fn refused(path: &str, content: &str, expected: &[&str]) {
    let (_scratch, model) = copy_of("tiny-mean");
    std::fs::write(model.join(path), content).unwrap();
    let message = full_message(&load(&model).unwrap_err());
    for expected in [&[path], expected].concat() {
        assert!(message.contains(expected), "{path}: expected {expected:?} in: {message}");
    }
}

/// A file of `tiny-mean` with one piece of text replaced.
fn edited(path: &str, from: &str, to: &str) -> String {
    let content = std::fs::read_to_string(fixtures().join("tiny-mean").join(path)).unwrap();
    assert!(content.contains(from), "{path} has no {from}");
    content.replace(from, to)
}

#[test]
fn what_is_not_supported_is_named() {
    let config = |from: &str, to: &str, expected: &[&str]| {
        refused("config.json", &edited("config.json", from, to), expected);
    };
    config(r#""bert""#, r#""xlm-roberta""#, &["model_type", "\"xlm-roberta\"", "expected \"bert\""]);
    config(r#""absolute""#, r#""relative_key""#, &["position_embedding_type", "\"relative_key\""]);
    config(r#""gelu""#, r#""swish""#, &["hidden_act", "\"swish\"", "\"gelu_new\""]);
    config(r#""vocab_size""#, r#""is_decoder": true, "vocab_size""#, &["is_decoder"]);
    // Another architecture may have none of BERT's fields.
    refused("config.json", r#"{"model_type": "modernbert"}"#, &["\"modernbert\""]);
    refused("config.json", r#"{"architectures": ["T5EncoderModel"]}"#, &["\"T5EncoderModel\""]);

    let modules = |from: &str, to: &str, expected: &[&str]| {
        refused("modules.json", &edited("modules.json", from, to), expected);
    };
    modules("models.Normalize", "models.LSTM", &["Transformer, Pooling, LSTM", "Dense and Normalize"]);
    modules("models.Pooling", "models.Dense", &["Transformer, Dense, Normalize"]);
    modules("models.Pooling", "models.WeightedLayerPooling", &["WeightedLayerPooling"]);
    modules(r#""path": """#, r#""path": "../tiny-cls""#, &["inside the model's folder", "../tiny-cls"]);
    refused("modules.json", "[]", &["list of modules is empty"]);

    let pooling = |content: &str, expected: &[&str]| refused("1_Pooling/config.json", content, expected);
    pooling(r#"{"word_embedding_dimension": 32, "pooling_mode_max_tokens": true}"#, &["pooling mode is max"]);
    pooling(
        r#"{"word_embedding_dimension": 32, "pooling_mode_mean_tokens": true, "pooling_mode_cls_token": true}"#,
        &["cls with mean"],
    );
    pooling(r#"{"embedding_dimension": 32, "pooling_mode": "lasttoken"}"#, &["lasttoken"]);
    pooling(r#"{"embedding_dimension": 32, "pooling_mode": ["mean", "weightedmean"]}"#, &["weightedmean"]);
    pooling(r#"{"embedding_dimension": 32}"#, &["pooling mode is none"]);
}

/// Changes `tiny-dense`'s layer and expects an error that says all of `expected`.
fn refused_layer(from: &str, to: &str, expected: &[&str]) {
    let (_scratch, model) = copy_of("tiny-dense");
    let path = model.join("2_Dense/config.json");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replace(from, to)).unwrap();
    let message = full_message(&load(&model).unwrap_err());
    for expected in [&["2_Dense"], expected].concat() {
        assert!(message.contains(expected), "expected {expected:?} in: {message}");
    }
}

#[test]
fn further_layers_that_do_not_fit_are_named() {
    refused_layer(
        "torch.nn.modules.linear.Identity",
        "torch.nn.GLU",
        &["activation_function", "torch.nn.GLU"],
    );
    refused_layer("torch.nn.modules.linear.Identity", "os.system", &["\"os.system\""]);
    refused_layer(r#""in_features": 32"#, r#""in_features": 31"#, &["in_features of 32", "found 31"]);
    refused_layer(r#""out_features": 48"#, r#""out_features": 0"#, &["out_features", "found 0"]);
    refused_layer(r#""out_features": 48"#, r#""out_features": 47"#, &["model.safetensors", "[47, 32]"]);
    refused_layer(
        r#""sentence_embedding""#,
        r#""token_embeddings""#,
        &["module_input_name", "token_embeddings"],
    );
    refused_layer(r#""bias": true"#, r#""bias": true, "use_residual": true"#, &["residual"]);

    let (_scratch, model) = copy_of("tiny-dense");
    let layer = model.join("2_Dense");
    std::fs::rename(layer.join("model.safetensors"), layer.join("pytorch_model.bin")).unwrap();
    let message = full_message(&load(&model).unwrap_err());
    assert!(
        message.contains("2_Dense/pytorch_model.bin") && message.contains("save_pretrained"),
        "{message}"
    );
}

#[test]
fn a_default_prompt_is_for_texts_that_have_none() {
    let check = |prompts: &str, expected: [&str; 2]| {
        let (_scratch, model) = copy_of("tiny-mean");
        std::fs::write(model.join("config_sentence_transformers.json"), prompts).unwrap();
        let encoder = load(&model).unwrap();
        let identity = encoder.identity();
        assert_eq!([&*identity.query_prefix, &identity.passage_prefix], expected, "{prompts}");
    };
    check(r#"{"prompts": {"query": "q: ", "x": "x: "}, "default_prompt_name": "x"}"#, ["q: ", "x: "]);
    check(r#"{"prompts": {"query": "", "x": "x: "}, "default_prompt_name": "x"}"#, ["", "x: "]);
    check(r#"{"prompts": {"document": "d: ", "x": "x: "}, "default_prompt_name": "x"}"#, ["x: ", "d: "]);
    check(r#"{"prompts": {"corpus": "c: ", "x": "x: "}, "default_prompt_name": null}"#, ["", "c: "]);
    let absent = r#"{"prompts": {}, "default_prompt_name": "x"}"#;
    refused("config_sentence_transformers.json", absent, &["default_prompt_name", "\"x\""]);
}

#[test]
fn contradictions_are_named() {
    let config = |from: &str, to: &str, expected: &[&str]| {
        refused("config.json", &edited("config.json", from, to), expected);
    };
    config(r#""num_attention_heads": 4"#, r#""num_attention_heads": 5"#, &["5 attention heads", "32"]);
    config(r#""num_attention_heads": 4"#, r#""num_attention_heads": 0"#, &["num_attention_heads", "found 0"]);
    config(r#""hidden_size": 32"#, r#""hidden_size": 99999999999"#, &["hidden_size", "99999999999"]);
    config(r#""hidden_size": 32"#, r#""hidden_size": -1"#, &["line 7", "-1"]);
    config("1e-12", "0", &["layer_norm_eps"]);
    // sentence_bert_config.json allows 40.
    let (_scratch, model) = copy_of("tiny-mean");
    let short = edited("config.json", r#""max_position_embeddings": 48"#, r#""max_position_embeddings": 39"#);
    std::fs::write(model.join("config.json"), short).unwrap();
    let message = full_message(&load(&model).unwrap_err());
    assert!(message.contains("max_seq_length of 1 to 39") && message.contains("found 40"), "{message}");

    let weights = |from: &str, to: &str, expected: &str| {
        let (_scratch, model) = copy_of("tiny-mean");
        std::fs::write(model.join("config.json"), edited("config.json", from, to)).unwrap();
        let message = full_message(&load(&model).unwrap_err());
        assert!(message.contains("model.safetensors") && message.contains(expected), "{message}");
    };
    weights(r#""num_hidden_layers": 2"#, r#""num_hidden_layers": 3"#, "encoder.layer.2.");
    weights(r#""num_hidden_layers": 2"#, r#""num_hidden_layers": 1"#, "encoder.layer.1.");
    weights(r#""intermediate_size": 64"#, r#""intermediate_size": 65"#, "[65, 32]");

    let vocabulary = edited("config.json", r#""vocab_size": "#, r#""vocab_size": 1, "was": "#);
    let (_scratch, model) = copy_of("tiny-mean");
    std::fs::write(model.join("config.json"), vocabulary).unwrap();
    let message = full_message(&load(&model).unwrap_err());
    assert!(message.contains("tokenizer.json") && message.contains("token ids below 1"), "{message}");

    refused("1_Pooling/config.json", r#"{"word_embedding_dimension": 31}"#, &["32", "found 31"]);
    refused("sentence_bert_config.json", r#"{"max_seq_length": 2}"#.replace('2', "0").as_str(), &["found 0"]);
}

#[test]
fn a_length_that_leaves_no_room_for_text_is_refused() {
    let (_scratch, model) = copy_of("tiny-mean");
    std::fs::write(model.join("sentence_bert_config.json"), r#"{"max_seq_length": 2}"#).unwrap();
    let message = full_message(&load(&model).unwrap_err());
    assert!(message.contains("1 to 1 special tokens") && message.contains("found 2"), "{message}");
}

#[test]
fn a_folder_without_a_length_takes_the_smaller_of_tokenizer_and_positions() {
    let check = |tokenizer_config: &str, expected: usize| {
        let (_scratch, model) = copy_of("tiny-mean");
        std::fs::remove_file(model.join("sentence_bert_config.json")).unwrap();
        std::fs::write(model.join("tokenizer_config.json"), tokenizer_config).unwrap();
        assert_eq!(load(&model).unwrap().identity().max_tokens, expected, "{tokenizer_config}");
    };
    check(r#"{"model_max_length": 30}"#, 30);
    check(r#"{"model_max_length": 512}"#, 48);
    check(r#"{"model_max_length": 1000000000000000019884624838656}"#, 48);
    check("{}", 48);
}

#[test]
fn the_transformer_may_have_a_folder_of_its_own() {
    let (_scratch, model) = copy_of("tiny-mean");
    std::fs::create_dir(model.join("0_Transformer")).unwrap();
    for file in ["config.json", "sentence_bert_config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::rename(model.join(file), model.join("0_Transformer").join(file)).unwrap();
    }
    let modules = edited("modules.json", r#""path": """#, r#""path": "0_Transformer""#);
    std::fs::write(model.join("modules.json"), modules).unwrap();
    let moved = load(&model).unwrap().embed_raw(&["prime number"]).unwrap();
    let plain = load(&fixtures().join("tiny-mean")).unwrap().embed_raw(&["prime number"]).unwrap();
    assert_eq!(moved, plain);
}

#[test]
fn a_model_published_as_a_pickle_only_says_how_to_convert_it() {
    let (_scratch, model) = copy_of("tiny-mean");
    std::fs::rename(model.join("model.safetensors"), model.join("pytorch_model.bin")).unwrap();
    let message = full_message(&load(&model).unwrap_err());
    assert!(message.contains("pytorch_model.bin") && message.contains("save_pretrained"), "{message}");
}

#[test]
fn lowercasing_is_done_where_the_folder_asks_for_it() {
    let (_scratch, model) = copy_of("tiny-mean");
    let cased = edited("tokenizer.json", r#""lowercase":true"#, r#""lowercase":false"#);
    std::fs::write(model.join("tokenizer.json"), cased).unwrap();
    let encoder = load(&model).unwrap();
    let [upper, lower] = [encoder.embed_raw(&["PRIME"]).unwrap(), encoder.embed_raw(&["prime"]).unwrap()];
    assert_ne!(upper, lower);
    let asks = r#"{"max_seq_length": 40, "do_lower_case": true}"#;
    std::fs::write(model.join("sentence_bert_config.json"), asks).unwrap();
    assert_eq!(load(&model).unwrap().embed_raw(&["PRIME"]).unwrap(), lower);
}

#[test]
fn prefixes_come_from_options_then_prompts_then_manifest() {
    let check = |model: &str, options: EncoderOptions, expected: [&str; 2]| {
        let (scratch, dir) = copy_of(model);
        let manifest = ModelManifest {
            name: "model".to_owned(),
            licence: String::new(),
            query_prefix: "manifest query: ".to_owned(),
            passage_prefix: "manifest passage: ".to_owned(),
            hub: None,
            pypi: None,
            files: vec![entry(&std::fs::read(dir.join("modules.json")).unwrap())],
        };
        manifest.write(&scratch.path().join("model.toml")).unwrap();
        let folder = ModelFolder::locate("model", &ModelRoots::new(vec![scratch.path().to_owned()])).unwrap();
        let encoder = Encoder::load(&folder, &options).unwrap();
        let identity = encoder.identity();
        assert_eq!([identity.query_prefix.as_str(), &identity.passage_prefix], expected, "{model}");
        let prefixed = format!("{}prime number", expected[0]);
        assert_eq!(
            encoder.embed_queries(&["prime number"]).unwrap(),
            encoder.embed_raw(&[&prefixed]).unwrap()
        );
    };
    let none = EncoderOptions::default();
    check("tiny-mean", none.clone(), ["manifest query: ", "manifest passage: "]);
    check("tiny-cls", none.clone(), ["search the passage for: ", "manifest passage: "]);
    check("tiny-prompts", none, ["query: ", "passage: "]);
    let own = EncoderOptions {
        query_prefix: Some("own: ".to_owned()),
        passage_prefix: Some(String::new()),
        ..EncoderOptions::default()
    };
    check("tiny-prompts", own, ["own: ", ""]);
}

#[test]
fn prefixes_that_pooling_would_leave_out_are_refused() {
    let (_scratch, model) = copy_of("tiny-prompts");
    let pooling = r#"{"embedding_dimension": 32, "pooling_mode": "mean", "include_prompt": false}"#;
    std::fs::write(model.join("1_Pooling/config.json"), pooling).unwrap();
    let error = load(&model).unwrap_err();
    assert!(matches!(error, EmbedError::Unsupported { field: "include_prompt", .. }), "{error}");
}

#[test]
fn a_folder_that_is_no_model_names_the_missing_file() {
    let folder = tempfile::tempdir().unwrap();
    let message = full_message(&load(folder.path()).unwrap_err());
    assert!(message.contains("modules.json: expected this file"), "{message}");
}

fn entry(modules: &[u8]) -> ManifestFile {
    use sha2::{Digest, Sha256};
    let sha256 = Sha256::digest(modules).iter().map(|byte| format!("{byte:02x}")).collect();
    ManifestFile { path: "modules.json".to_owned(), size: modules.len() as u64, sha256 }
}
