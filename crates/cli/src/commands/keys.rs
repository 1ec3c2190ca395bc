//! `cognate keys`: who may use the server.

use cognate_keys::{KeyFile, KeyInfo, Scope};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::args::{KeysAddArgs, KeysCommand, KeysFileArgs, KeysRevokeArgs, ScopeArg};
use crate::commands::InvalidInput;
use crate::config::Config;
use crate::output::Output;

pub(crate) fn run(config: &Config, output: &Output, command: KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::Add(args) => add(config, output, &args),
        KeysCommand::List(args) => list(config, output, &args),
        KeysCommand::Revoke(args) => revoke(config, output, &args),
    }
}

fn file(config: &Config, args: &KeysFileArgs) -> KeyFile {
    KeyFile::new(config.keys(args.keys.as_ref()))
}

#[derive(Serialize)]
struct AddedBody {
    name: String,
    scope: String,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

fn add(config: &Config, output: &Output, args: &KeysAddArgs) -> anyhow::Result<()> {
    let scope = match (args.scope, &args.feed) {
        (_, Some(id)) => Scope::Feed(id.clone()),
        (Some(ScopeArg::Write), None) => Scope::Write,
        (Some(ScopeArg::Admin), None) => Scope::Admin,
        (Some(ScopeArg::Read) | None, None) => Scope::Read,
    };
    let expires = args.expires.as_deref().map(end_of).transpose()?;
    // The key may be the first thing in the data folder.
    std::fs::create_dir_all(&config.data_dir)?;
    let key = file(config, &args.file).add(&args.name, &scope, expires)?;
    let body = AddedBody {
        name: args.name.clone(),
        scope: scope.to_string(),
        key,
        expires: expires.map(|time| time.to_string()),
    };
    output.print(&body, |body| {
        format!(
            "{}\n\nThis is shown once. Send it as `Authorization: Bearer KEY` or `x-api-key: KEY`.",
            body.key
        )
    })
}

/// The end of a day in UTC.
fn end_of(date: &str) -> Result<Timestamp, InvalidInput> {
    let invalid = |_| InvalidInput(format!("--expires: expected a date such as 2027-06-30, found {date:?}"));
    let next = date.parse::<Date>().and_then(Date::tomorrow).map_err(invalid)?;
    TimeZone::UTC.to_timestamp(next.at(0, 0, 0, 0)).map_err(invalid)
}

#[derive(Serialize)]
struct ListBody {
    keys: Vec<KeyBody>,
}

#[derive(Serialize)]
struct KeyBody {
    name: String,
    scope: String,
    created: String,
    expires: Option<String>,
    revoked: Option<String>,
    is_in_force: bool,
}

impl From<KeyInfo> for KeyBody {
    fn from(key: KeyInfo) -> Self {
        Self {
            is_in_force: key.revoked.is_none() && key.expires.is_none_or(|end| end > Timestamp::now()),
            name: key.name,
            scope: key.scope.to_string(),
            created: key.created.to_string(),
            expires: key.expires.map(|time| time.to_string()),
            revoked: key.revoked.map(|time| time.to_string()),
        }
    }
}

fn list(config: &Config, output: &Output, args: &KeysFileArgs) -> anyhow::Result<()> {
    let keys = file(config, args).list()?.into_iter().map(KeyBody::from).collect();
    output.print(&ListBody { keys }, |body| {
        let lines = body.keys.iter().map(|key| {
            let state = match (&key.revoked, &key.expires) {
                (Some(time), _) => format!("revoked {time}"),
                (None, Some(time)) if key.is_in_force => format!("until {time}"),
                (None, Some(time)) => format!("ended {time}"),
                (None, None) => "in force".to_owned(),
            };
            format!("{:<24} {:<12} {state}", key.name, key.scope)
        });
        let lines: Vec<String> = lines.collect();
        if lines.is_empty() {
            "no keys; `cognate keys add NAME --scope read` makes one".to_owned()
        } else {
            lines.join("\n")
        }
    })
}

#[derive(Serialize)]
struct RevokedBody {
    revoked: String,
}

fn revoke(config: &Config, output: &Output, args: &KeysRevokeArgs) -> anyhow::Result<()> {
    file(config, &args.file).revoke(&args.name)?;
    output.print(&RevokedBody { revoked: args.name.clone() }, |body| format!("revoked {}", body.revoked))
}
