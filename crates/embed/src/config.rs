//! The JSON files of a sentence-transformers folder, read into one checked description.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::head::{DenseShape, HeadModule};
use crate::manifest::stays_inside;
use crate::{EmbedError, ModelFolder};

/// How the vectors of a text's tokens become the one of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The mean over all tokens, the special ones included.
    Mean,
    /// The vector of the first token, `[CLS]`.
    Cls,
}

/// What the feed-forward layers apply element by element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// GELU through the error function.
    Gelu,
    /// GELU through its tanh approximation.
    GeluTanh,
    Relu,
}

/// The shape of a BERT. Every count is at least 1, and `n_heads` divides `hidden_size`.
#[derive(Debug, Clone)]
pub(crate) struct BertShape {
    pub(crate) vocab_size: usize,
    pub(crate) hidden_size: usize,
    pub(crate) n_layers: usize,
    pub(crate) n_heads: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) activation: Activation,
    pub(crate) max_positions: usize,
    pub(crate) n_token_types: usize,
    pub(crate) layer_norm_eps: f64,
}

/// Everything that a folder says about its model, apart from tokenizer and weights.
#[derive(Debug, Clone)]
pub(crate) struct ModelConfig {
    pub(crate) bert: BertShape,
    pub(crate) pooling: Pooling,
    /// What comes after pooling.
    pub(crate) head: Vec<HeadModule>,
    /// Components of what the last module gives.
    pub(crate) full_dim: usize,
    /// Texts are cut to this many tokens, special ones included. At most `bert.max_positions`.
    pub(crate) max_tokens: usize,
    /// Lowercase texts before they reach the tokenizer.
    pub(crate) lowercase: bool,
    /// Prefixes by the folder's own `prompts`. Empty only where the folder means it: it names a default prompt, which
    /// this side does without.
    pub(crate) query_prompt: Option<String>,
    pub(crate) passage_prompt: Option<String>,
    /// False when a prefix should not count for pooling, which is not supported.
    pub(crate) pools_prefix: bool,
    /// Paths inside the folder.
    pub(crate) pooling_path: String,
    pub(crate) weights_path: String,
    pub(crate) tokenizer_path: String,
}

impl ModelConfig {
    /// Reads and checks all of it.
    pub(crate) fn read(folder: &ModelFolder) -> Result<Self, EmbedError> {
        let modules = Modules::read(folder)?;
        let config_path = modules.inside_transformer("config.json");
        let bert = read_bert(folder, &config_path)?;
        let (pooling, pools_prefix) = read_pooling(folder, &modules.pooling, bert.hidden_size)?;
        let (max_tokens, lowercase) = read_lengths(folder, &modules, bert.max_positions)?;
        let (head, full_dim) = modules.read_head(folder, bert.hidden_size)?;
        let PromptsJson { prompts, default_prompt_name } =
            read_json_if_present(folder, PROMPTS_PATH)?.unwrap_or_default();
        let default_prompt = match &default_prompt_name {
            None => None,
            Some(name) => match prompts.get(name) {
                Some(prompt) => prompt.clone(),
                None => {
                    let expected = "a default_prompt_name that is among the prompts".to_owned();
                    return Err(inconsistent(folder, PROMPTS_PATH, expected, format!("{name:?}")));
                }
            },
        };
        // As encode_query and encode_document choose: the first of these names, else the default.
        let prompt = |names: &[&str]| {
            let named = names.iter().find_map(|&name| prompts.get(name).cloned().flatten());
            let chosen = named.or_else(|| default_prompt.clone());
            // sentence-transformers writes empty prompts into every folder that it saves: they say nothing, unless
            // there is a default to be kept from.
            chosen.filter(|prompt| !prompt.is_empty() || default_prompt_name.is_some())
        };
        Ok(Self {
            bert,
            pooling,
            head,
            full_dim,
            max_tokens,
            lowercase,
            query_prompt: prompt(&["query"]),
            passage_prompt: prompt(&["document", "passage", "corpus"]),
            pools_prefix,
            weights_path: modules.inside_transformer("model.safetensors"),
            tokenizer_path: modules.inside_transformer("tokenizer.json"),
            pooling_path: modules.pooling,
        })
    }
}

/// Where the parts of the model lie.
struct Modules {
    /// The transformer's folder inside the model's, often empty.
    transformer: String,
    /// Path of the pooling module's configuration.
    pooling: String,
    /// Folders of the modules after it; `None` for Normalize, which has nothing to read.
    head: Vec<Option<String>>,
}

#[derive(Deserialize)]
struct ModuleJson {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    path: String,
}

impl Modules {
    fn read(folder: &ModelFolder) -> Result<Self, EmbedError> {
        const PATH: &str = "modules.json";
        let modules: Vec<ModuleJson> = read_json(folder, PATH)?;
        // The module's path in Python has changed over the versions; the class has not.
        let class = |module: &ModuleJson| module.kind.rsplit('.').next().unwrap_or_default().to_owned();
        let classes: Vec<String> = modules.iter().map(class).collect();
        if let Some(module) =
            modules.iter().find(|module| !module.path.is_empty() && !stays_inside(&module.path))
        {
            let expected = "paths of modules inside the model's folder".to_owned();
            return Err(inconsistent(folder, PATH, expected, format!("{:?}", module.path)));
        }
        let unsupported = || EmbedError::Unsupported {
            path: folder.dir().join(PATH),
            field: "the list of modules",
            found: if classes.is_empty() { "empty".to_owned() } else { classes.join(", ") },
            supported: "Transformer, Pooling, and then any of Dense and Normalize",
        };
        let [transformer, pooling, rest @ ..] = modules.as_slice() else { return Err(unsupported()) };
        if classes[..2] != ["Transformer", "Pooling"] {
            return Err(unsupported());
        }
        let head = rest.iter().zip(&classes[2..]).map(|(module, class)| match class.as_str() {
            "Normalize" => Ok(None),
            "Dense" => Ok(Some(module.path.clone())),
            _ => Err(unsupported()),
        });
        Ok(Self {
            transformer: transformer.path.clone(),
            pooling: join(&pooling.path, "config.json"),
            head: head.collect::<Result<_, _>>()?,
        })
    }

    /// What comes after pooling, and how many components it gives.
    fn read_head(
        &self,
        folder: &ModelFolder,
        hidden_size: usize,
    ) -> Result<(Vec<HeadModule>, usize), EmbedError> {
        let mut dim = hidden_size;
        let mut head = Vec::with_capacity(self.head.len());
        for module in &self.head {
            head.push(match module {
                None => HeadModule::Normalize,
                Some(module) => {
                    let shape = DenseShape::read(folder, module, dim)?;
                    dim = shape.n_out();
                    HeadModule::Dense(shape)
                }
            });
        }
        Ok((head, dim))
    }

    fn inside_transformer(&self, file: &str) -> String {
        join(&self.transformer, file)
    }
}

/// The path of a file in a folder inside the model's, often the model's own.
pub(crate) fn join(dir: &str, file: &str) -> String {
    if dir.is_empty() { file.to_owned() } else { format!("{dir}/{file}") }
}

#[derive(Deserialize)]
struct BertJson {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    hidden_act: String,
    max_position_embeddings: usize,
    #[serde(default = "two")]
    type_vocab_size: usize,
    #[serde(default = "default_eps")]
    layer_norm_eps: f64,
    position_embedding_type: Option<String>,
    #[serde(default)]
    is_decoder: bool,
}

/// `BertConfig`'s defaults in `transformers`.
fn two() -> usize {
    2
}

fn default_eps() -> f64 {
    1e-12
}

fn read_bert(folder: &ModelFolder, path: &str) -> Result<BertShape, EmbedError> {
    // The architecture first: the configuration of another one may lack every other field.
    #[derive(Deserialize)]
    struct Architecture {
        model_type: Option<String>,
        architectures: Option<Vec<String>>,
    }
    let unsupported = |field, found: String, supported| EmbedError::Unsupported {
        path: folder.dir().join(path),
        field,
        found,
        supported,
    };
    let architecture: Architecture = read_json(folder, path)?;
    if architecture.model_type.as_deref() != Some("bert") {
        let found = architecture.model_type.or_else(|| architecture.architectures.map(|a| a.join(", ")));
        let found = found.map_or_else(|| "missing".to_owned(), |found| format!("{found:?}"));
        return Err(unsupported("model_type", found, "\"bert\""));
    }

    let json: BertJson = read_json(folder, path)?;
    if let Some(kind) = json.position_embedding_type.filter(|kind| kind != "absolute") {
        return Err(unsupported("position_embedding_type", format!("{kind:?}"), "\"absolute\""));
    }
    if json.is_decoder {
        return Err(unsupported("is_decoder", "true".to_owned(), "false"));
    }
    let activation = match json.hidden_act.as_str() {
        "gelu" => Activation::Gelu,
        "gelu_new" | "gelu_pytorch_tanh" => Activation::GeluTanh,
        "relu" => Activation::Relu,
        other => {
            let supported = "\"gelu\", \"gelu_new\", \"gelu_pytorch_tanh\" or \"relu\"";
            return Err(unsupported("hidden_act", format!("{other:?}"), supported));
        }
    };
    let inconsistent = |expected: String, found: String| inconsistent(folder, path, expected, found);
    let counts = [
        ("vocab_size", json.vocab_size),
        ("hidden_size", json.hidden_size),
        ("num_hidden_layers", json.num_hidden_layers),
        ("num_attention_heads", json.num_attention_heads),
        ("intermediate_size", json.intermediate_size),
        ("max_position_embeddings", json.max_position_embeddings),
        ("type_vocab_size", json.type_vocab_size),
    ];
    // Anything larger is damage; the bound keeps every product of two of them far from overflow.
    if let Some((field, value)) = counts.into_iter().find(|&(_, value)| value == 0 || value > 1 << 24) {
        return Err(inconsistent(format!("{field} of 1 to {}", 1 << 24), value.to_string()));
    }
    if !json.hidden_size.is_multiple_of(json.num_attention_heads) {
        let expected = format!("a hidden_size that {} attention heads divide", json.num_attention_heads);
        return Err(inconsistent(expected, json.hidden_size.to_string()));
    }
    if !(json.layer_norm_eps > 0.0 && json.layer_norm_eps < 1.0) {
        return Err(inconsistent(
            "layer_norm_eps between 0 and 1".to_owned(),
            json.layer_norm_eps.to_string(),
        ));
    }
    Ok(BertShape {
        vocab_size: json.vocab_size,
        hidden_size: json.hidden_size,
        n_layers: json.num_hidden_layers,
        n_heads: json.num_attention_heads,
        intermediate_size: json.intermediate_size,
        activation,
        max_positions: json.max_position_embeddings,
        n_token_types: json.type_vocab_size,
        layer_norm_eps: json.layer_norm_eps,
    })
}

/// Both ways that sentence-transformers writes it: one `pooling_mode` since version 5, a flag for each
/// before.
#[derive(Deserialize)]
struct PoolingJson {
    #[serde(alias = "embedding_dimension")]
    word_embedding_dimension: usize,
    pooling_mode: Option<OneOrMany>,
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_max_tokens: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
    #[serde(default)]
    pooling_mode_mean_sqrt_len_tokens: bool,
    #[serde(default)]
    pooling_mode_weightedmean_tokens: bool,
    #[serde(default)]
    pooling_mode_lasttoken: bool,
    #[serde(default = "yes")]
    include_prompt: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn yes() -> bool {
    true
}

impl PoolingJson {
    fn modes(&self) -> Vec<String> {
        match &self.pooling_mode {
            Some(OneOrMany::One(mode)) => vec![mode.clone()],
            Some(OneOrMany::Many(modes)) => modes.clone(),
            None => [
                (self.pooling_mode_cls_token, "cls"),
                (self.pooling_mode_max_tokens, "max"),
                (self.pooling_mode_mean_tokens, "mean"),
                (self.pooling_mode_mean_sqrt_len_tokens, "mean_sqrt_len_tokens"),
                (self.pooling_mode_weightedmean_tokens, "weightedmean"),
                (self.pooling_mode_lasttoken, "lasttoken"),
            ]
            .into_iter()
            .filter(|&(set, _)| set)
            .map(|(_, mode)| mode.to_owned())
            .collect(),
        }
    }
}

fn read_pooling(folder: &ModelFolder, path: &str, hidden_size: usize) -> Result<(Pooling, bool), EmbedError> {
    let json: PoolingJson = read_json(folder, path)?;
    if json.word_embedding_dimension != hidden_size {
        let expected = format!("word_embedding_dimension of {hidden_size}, the hidden_size in config.json");
        return Err(inconsistent(folder, path, expected, json.word_embedding_dimension.to_string()));
    }
    let modes = json.modes();
    let pooling = match modes.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["mean"] => Pooling::Mean,
        ["cls"] => Pooling::Cls,
        other => {
            return Err(EmbedError::Unsupported {
                path: folder.dir().join(path),
                field: "the pooling mode",
                found: if other.is_empty() { "none".to_owned() } else { other.join(" with ") },
                supported: "mean or cls alone",
            });
        }
    };
    Ok((pooling, json.include_prompt))
}

#[derive(Deserialize, Default)]
struct SentenceBertJson {
    max_seq_length: Option<usize>,
    #[serde(default)]
    do_lower_case: bool,
}

#[derive(Deserialize, Default)]
struct TokenizerConfigJson {
    /// `transformers` writes 1e30 for "no limit".
    model_max_length: Option<f64>,
}

const PROMPTS_PATH: &str = "config_sentence_transformers.json";

#[derive(Deserialize, Default)]
struct PromptsJson {
    #[serde(default)]
    prompts: BTreeMap<String, Option<String>>,
    default_prompt_name: Option<String>,
}

/// `max_tokens` and `lowercase`. Where the folder names no `max_seq_length`, the limit is what
/// sentence-transformers then takes: the smaller of what the tokenizer and the positions allow.
fn read_lengths(
    folder: &ModelFolder,
    modules: &Modules,
    max_positions: usize,
) -> Result<(usize, bool), EmbedError> {
    let path = modules.inside_transformer("sentence_bert_config.json");
    let json: SentenceBertJson = read_json_if_present(folder, &path)?.unwrap_or_default();
    let max_tokens = match json.max_seq_length {
        Some(given) if (1..=max_positions).contains(&given) => given,
        Some(given) => {
            let expected = format!("max_seq_length of 1 to {max_positions}, the model's positions");
            return Err(inconsistent(folder, &path, expected, given.to_string()));
        }
        None => {
            let path = modules.inside_transformer("tokenizer_config.json");
            let json: TokenizerConfigJson = read_json_if_present(folder, &path)?.unwrap_or_default();
            match json.model_max_length {
                Some(limit) if limit >= 1.0 && limit < max_positions as f64 => limit as usize,
                _ => max_positions,
            }
        }
    };
    Ok((max_tokens, json.do_lower_case))
}

pub(crate) fn read_json<T: DeserializeOwned>(folder: &ModelFolder, path: &str) -> Result<T, EmbedError> {
    parse(folder, path, &folder.read(path)?.bytes)
}

fn read_json_if_present<T: DeserializeOwned>(
    folder: &ModelFolder,
    path: &str,
) -> Result<Option<T>, EmbedError> {
    folder.read_if_present(path)?.map(|file| parse(folder, path, &file.bytes)).transpose()
}

fn parse<T: DeserializeOwned>(folder: &ModelFolder, path: &str, bytes: &[u8]) -> Result<T, EmbedError> {
    serde_json::from_slice(bytes).map_err(|source| EmbedError::Json {
        path: folder.dir().join(path),
        repair: folder.repair(),
        source,
    })
}

/// The error for a number in `path` that contradicts another.
pub(crate) fn inconsistent(folder: &ModelFolder, path: &str, expected: String, found: String) -> EmbedError {
    EmbedError::Inconsistent { path: folder.dir().join(path), expected, found, repair: folder.repair() }
}
