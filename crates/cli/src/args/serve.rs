//! Arguments of `cognate serve`.

use std::net::{IpAddr, SocketAddr};

use clap::builder::BoolishValueParser;
use clap::{Args as ClapArgs, ValueEnum};

use super::keys::KeysFileArgs;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  cognate serve                                       listen on 127.0.0.1:8080
  cognate serve --bind 127.0.0.1:0                    take a free port; the first line of output names it
  cognate serve --bind 0.0.0.0:8080 --allow-remote    for others too, with keys (see `cognate keys`)
  curl 'http://127.0.0.1:8080/v1/search?q=dark+matter&limit=3'")]
pub(crate) struct ServeArgs {
    /// Address and port; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT", env = "COGNATE_BIND", hide_env_values = true)]
    pub(crate) bind: Option<SocketAddr>,
    /// Listen beyond this machine
    #[arg(long, env = "COGNATE_ALLOW_REMOTE", hide_env_values = true, value_name = "yes|no", num_args = 0..=1,
        require_equals = true, default_missing_value = "yes", value_parser = BoolishValueParser::new())]
    pub(crate) allow_remote: Option<bool>,
    /// A further name that the server answers to; may be repeated
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        env = "COGNATE_ALLOW_HOST",
        hide_env_values = true
    )]
    pub(crate) allow_host: Vec<String>,
    /// A page that may use the server from a browser, such as `https://example.org`; may be repeated
    #[arg(
        long,
        value_name = "ORIGIN",
        value_delimiter = ',',
        env = "COGNATE_ALLOW_ORIGIN",
        hide_env_values = true
    )]
    pub(crate) allow_origin: Vec<String>,
    #[command(flatten)]
    pub(crate) keys: KeysFileArgs,
    /// Who asks for keys: this server, or nobody, since a proxy in front of it does [default: keys]
    #[arg(long, value_enum, env = "COGNATE_AUTH", hide_env_values = true)]
    pub(crate) auth: Option<AuthArg>,
    /// Let everybody read; only changes need a key
    #[arg(long, env = "COGNATE_PUBLIC_READ", hide_env_values = true, value_name = "yes|no", num_args = 0..=1,
        require_equals = true, default_missing_value = "yes", value_parser = BoolishValueParser::new())]
    pub(crate) public_read: Option<bool>,
    /// A proxy whose X-Forwarded-For is believed; may be repeated
    #[arg(
        long,
        value_name = "ADDR",
        value_delimiter = ',',
        env = "COGNATE_TRUST_PROXY",
        hide_env_values = true
    )]
    pub(crate) trust_proxy: Vec<IpAddr>,
    /// Requests a second for each key and each address, four times as many at once; 0 for no limit [default: 0]
    #[arg(long, value_name = "N", env = "COGNATE_RATE_LIMIT", hide_env_values = true)]
    pub(crate) rate_limit: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AuthArg {
    Keys,
    None,
}
