//! Settings: the configuration file, and over it flags and variables of the environment, which clap reads.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use cognate_embed::{ModelRoots, Precision};
use cognate_engine::{DerivedFiles, Engine, EngineOptions, ModelChoice};
use serde::Deserialize;

use crate::args::{Args, AuthArg, IndexLayoutArg, IndexMemory};
use crate::commands::InvalidInput;

const DEFAULT_DATA: &str = "cognate-data";
const DEFAULT_BIND: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// The configuration could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("there is no configuration file `{}`", path.display())]
    Missing { path: PathBuf },
    #[error("the configuration file `{}` could not be read", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error(
        "a data folder and an engine are given; papers lie in one of them, so leave `data` or `engine` out"
    )]
    TwoPlaces,
    #[error("the configuration file `{}` is wrong", path.display())]
    Invalid { path: PathBuf, source: Box<toml::de::Error> },
}

/// The file, as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    data: Option<PathBuf>,
    engine: Option<String>,
    model: Option<String>,
    precision: Option<Precision>,
    query_prefix: Option<String>,
    passage_prefix: Option<String>,
    dim: Option<usize>,
    index_memory: Option<IndexMemory>,
    index_layout: Option<IndexLayoutArg>,
    bind: Option<SocketAddr>,
    #[serde(default)]
    allow_remote: bool,
    #[serde(default)]
    allow_host: Vec<String>,
    #[serde(default)]
    allow_origin: Vec<String>,
    keys: Option<PathBuf>,
    auth: Option<AuthArg>,
    #[serde(default)]
    public_read: bool,
    #[serde(default)]
    trust_proxy: Vec<IpAddr>,
    #[serde(default)]
    rate_limit: u32,
}

/// Settings in force.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The data folder.
    pub(crate) data_dir: PathBuf,
    /// The address of another engine with which the papers lie, in place of the data folder.
    pub(crate) engine: Option<String>,
    /// The model, as far as it was chosen.
    pub(crate) model: ModelChoice,
    /// What building the index may take, where that was said.
    index_memory: Option<IndexMemory>,
    index_layout: IndexLayoutArg,
    /// Where `serve` listens.
    pub(crate) bind: SocketAddr,
    pub(crate) allow_remote: bool,
    pub(crate) allow_host: Vec<String>,
    pub(crate) allow_origin: Vec<String>,
    keys: Option<PathBuf>,
    /// Who asks for keys.
    pub(crate) auth: AuthArg,
    pub(crate) public_read: bool,
    pub(crate) trust_proxy: Vec<IpAddr>,
    /// Requests a second, 0 for no limit.
    pub(crate) rate_limit: u32,
}

impl Config {
    /// The file of the store, which no command may write anything else to.
    pub(crate) fn store_file(&self) -> PathBuf {
        self.data_dir.join("papers.sqlite3")
    }
}

impl Config {
    /// Reads the file, and lays the command line's global flags over it.
    pub(crate) fn load(args: &Args) -> Result<Self, ConfigError> {
        let raw = match file(args.config.as_deref())? {
            Some(path) => read(path)?,
            None => Raw::default(),
        };
        // What is given where it is looked first wins, whichever of the two it is.
        let (data, engine) = match (args.data.clone(), args.engine.clone()) {
            (None, None) => (raw.data, raw.engine),
            given => given,
        };
        if data.is_some() && engine.is_some() {
            return Err(ConfigError::TwoPlaces);
        }
        Ok(Self {
            engine,
            data_dir: data.unwrap_or_else(|| PathBuf::from(DEFAULT_DATA)),
            model: ModelChoice {
                name: args.model.clone().or(raw.model),
                roots: ModelRoots::from_environment(),
                precision: args.precision.or(raw.precision),
                query_prefix: args.query_prefix.clone().or(raw.query_prefix),
                passage_prefix: args.passage_prefix.clone().or(raw.passage_prefix),
                dim: args.dim.or(raw.dim),
            },
            index_memory: args.index_memory.or(raw.index_memory),
            index_layout: args.index_layout.or(raw.index_layout).unwrap_or_default(),
            bind: raw.bind.unwrap_or(DEFAULT_BIND),
            allow_remote: raw.allow_remote,
            allow_host: raw.allow_host,
            allow_origin: raw.allow_origin,
            keys: raw.keys,
            auth: raw.auth.unwrap_or(AuthArg::Keys),
            public_read: raw.public_read,
            trust_proxy: raw.trust_proxy,
            rate_limit: raw.rate_limit,
        })
    }

    /// The file of keys: the one given, else the one in the data folder.
    pub(crate) fn keys(&self, given: Option<&PathBuf>) -> PathBuf {
        given.or(self.keys.as_ref()).cloned().unwrap_or_else(|| self.data_dir.join("keys.sqlite3"))
    }

    /// The same for papers at another place: a data folder, or an address, which tells itself by its `://`.
    pub(crate) fn at(&self, place: &str) -> Self {
        let engine = place.contains("://").then(|| place.to_owned());
        Self { data_dir: PathBuf::from(place), engine, ..self.clone() }
    }

    /// The papers, which are there already.
    pub(crate) fn open(&self) -> anyhow::Result<Engine> {
        match &self.engine {
            Some(address) => self.elsewhere(address),
            None => Ok(Engine::open(self.engine_options())?),
        }
    }

    /// The papers, and a new store for them where there is none.
    pub(crate) fn create(&self) -> anyhow::Result<Engine> {
        match &self.engine {
            Some(address) => self.elsewhere(address),
            None => Ok(Engine::create(self.engine_options())?),
        }
    }

    /// The papers, of which another process may keep the derived files.
    pub(crate) fn open_to_follow(&self) -> anyhow::Result<Engine> {
        match &self.engine {
            Some(address) => self.elsewhere(address),
            None => {
                let options = EngineOptions { derived_files: DerivedFiles::Follow, ..self.engine_options() };
                Ok(Engine::open(options)?)
            }
        }
    }

    /// Papers that lie with another engine.
    #[cfg(feature = "milvus")]
    fn elsewhere(&self, address: &str) -> anyhow::Result<Engine> {
        let of_environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let tls = match of_environment("COGNATE_MILVUS_TLS").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => {
                let message = format!("COGNATE_MILVUS_TLS: expected `true` or `false`, found {other:?}");
                return Err(InvalidInput(message).into());
            }
        };
        let credentials = cognate_milvus::Credentials {
            token: of_environment("COGNATE_MILVUS_TOKEN"),
            tls,
            ca_file: of_environment("COGNATE_MILVUS_CA"),
        };
        let milvus = cognate_milvus::Milvus::new(address.parse()?, credentials)?;
        Ok(Engine::elsewhere(std::sync::Arc::new(milvus), self.model.clone()))
    }

    #[cfg(not(feature = "milvus"))]
    fn elsewhere(&self, _address: &str) -> anyhow::Result<Engine> {
        let message = "this build of cognate cannot talk to another engine; build it with `cargo build --release --features \
                       milvus`";
        Err(InvalidInput(message.to_owned()).into())
    }

    /// Refuses what works on a data folder alone.
    pub(crate) fn needs_data_folder(&self) -> Result<(), InvalidInput> {
        match &self.engine {
            Some(engine) => {
                Err(InvalidInput(format!("this works on a data folder; leave `--engine {engine}` out")))
            }
            None => Ok(()),
        }
    }

    /// What the engine needs.
    pub(crate) fn engine_options(&self) -> EngineOptions {
        EngineOptions {
            data_dir: self.data_dir.clone(),
            model: self.model.clone(),
            derived_files: DerivedFiles::Keep,
            index_memory: self.index_memory.map(IndexMemory::bytes),
            index_layout: self.index_layout.into(),
        }
    }
}

fn read(path: PathBuf) -> Result<Raw, ConfigError> {
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(ConfigError::Unreadable { path, source }),
    };
    toml::from_str(&text).map_err(|source| ConfigError::Invalid { path, source: Box::new(source) })
}

/// The configuration file: the one named, else the first that exists.
fn file(named: Option<&Path>) -> Result<Option<PathBuf>, ConfigError> {
    if let Some(path) = named {
        let path = path.to_owned();
        return if path.is_file() { Ok(Some(path)) } else { Err(ConfigError::Missing { path }) };
    }
    let user = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".config")))
        .map(|folder| folder.join("cognate").join("config.toml"));
    Ok([Some(PathBuf::from("cognate.toml")), user].into_iter().flatten().find(|path| path.is_file()))
}
