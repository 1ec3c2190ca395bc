//! Mail over SMTP. The only place that knows lettre's transport.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport};

use crate::commands::InvalidInput;

pub(crate) use lettre::message::Mailbox;

/// Longest wait for the server.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    /// From the first byte on.
    Implicit,
    /// After `STARTTLS`, without which nothing is sent.
    StartTls,
    /// Not at all, to a server on this machine.
    None,
}

/// A connection to a mail server.
pub(crate) struct Mailer {
    transport: SmtpTransport,
    host: String,
}

impl Mailer {
    /// The server that the environment names: `COGNATE_SMTP_HOST`, and where they are needed `_PORT`, `_TLS`
    /// (`implicit`, `starttls`, or `none` for a server on this machine), `_USER`, `_PASSWORD`, and `_CA` (a file
    /// with a certificate that is trusted beside the usual ones).
    pub(crate) fn from_environment() -> anyhow::Result<Self> {
        let variable =
            |name: &str| std::env::var(format!("COGNATE_SMTP_{name}")).ok().filter(|v| !v.is_empty());
        let wrong = |name: &str, expected: &str, found: &str| {
            InvalidInput(format!("COGNATE_SMTP_{name}: expected {expected}, found {found:?}"))
        };
        let host = variable("HOST").ok_or_else(|| {
            InvalidInput("--send: expected the mail server's name in COGNATE_SMTP_HOST, found none".into())
        })?;
        let port: Option<u16> = match variable("PORT") {
            None => None,
            Some(port) => Some(port.parse().map_err(|_| wrong("PORT", "a port", &port))?),
        };
        let encryption = match variable("TLS").as_deref() {
            None if port == Some(587) => Encryption::StartTls,
            None | Some("implicit") => Encryption::Implicit,
            Some("starttls") => Encryption::StartTls,
            Some("none") if is_this_machine(&host) => Encryption::None,
            Some("none") => {
                return Err(
                    wrong("TLS", "implicit or starttls for a server on another machine", "none").into()
                );
            }
            Some(other) => return Err(wrong("TLS", "implicit, starttls or none", other).into()),
        };
        let port = port.unwrap_or(match encryption {
            Encryption::Implicit => 465,
            Encryption::StartTls => 587,
            Encryption::None => 25,
        });
        let parameters = |ca: Option<String>| -> anyhow::Result<TlsParameters> {
            let mut builder = TlsParameters::builder(host.clone());
            if let Some(path) = ca {
                let pem = std::fs::read(&path).with_context(|| format!("could not read `{path}`"))?;
                let certificate = Certificate::from_pem(&pem);
                builder = builder
                    .add_root_certificate(certificate.with_context(|| format!("could not use `{path}`"))?);
            }
            Ok(builder.build()?)
        };
        let tls = match encryption {
            Encryption::Implicit => Tls::Wrapper(parameters(variable("CA"))?),
            Encryption::StartTls => Tls::Required(parameters(variable("CA"))?),
            Encryption::None => Tls::None,
        };
        let mut builder = SmtpTransport::builder_dangerous(&host).port(port).tls(tls).timeout(Some(TIMEOUT));
        if let Some(user) = variable("USER") {
            builder = builder.credentials(Credentials::new(user, variable("PASSWORD").unwrap_or_default()));
        }
        Ok(Self { transport: builder.build(), host })
    }

    /// Sends a message; when this returns well, the server has accepted it.
    pub(crate) fn send(&self, message: &Message) -> anyhow::Result<()> {
        let answer = self.transport.send(message);
        answer.map(drop).with_context(|| format!("the mail server {} did not take the message", self.host))
    }
}

fn is_this_machine(host: &str) -> bool {
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    host.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback())
}
