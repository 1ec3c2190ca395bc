//! `cognate digest`: what is new for saved queries, as a text, a page or a message, printed or sent.

use anyhow::Context;
use askama::Template;
use cognate_corpus::export::link;
use cognate_engine::{DigestPeriod, Engine, Hit, SavedQuery};
use cognate_typeset::formula_around;
use cognate_wire::saved_question;
use jiff::Timestamp;
use jiff::civil::Date;
use lettre::Message;
use serde_json::{Value, json};

use super::InvalidInput;
use crate::args::{DigestArgs, DigestFormat};
use crate::config::Config;
use crate::mail::{Mailbox, Mailer};
use crate::output::{Output, one_line};

/// Characters of an abstract that a digest has.
const SNIPPET_CHARS: usize = 400;

pub(crate) fn run(config: &Config, output: &Output, args: &DigestArgs) -> anyhow::Result<()> {
    let engine = config.open()?;
    let saved = match &args.saved {
        Some(id) => vec![engine.saved_query(id)?],
        None => engine.saved_queries()?,
    };
    let since = args.since.as_deref().map(start_of).transpose()?;
    if args.send {
        send(&engine, output, args, (&saved, since))
    } else {
        print(&engine, output, args, (&saved, since))
    }
}

/// The beginning of a day in UTC, or a point in time.
fn start_of(text: &str) -> anyhow::Result<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let day = text.parse::<Date>().ok().and_then(|day| format!("{day}T00:00:00Z").parse().ok());
    day.ok_or_else(|| {
        let expected = "a day or a time such as 2026-07-30 or 2026-07-30T12:00:00Z";
        InvalidInput(format!("--since: expected {expected}, found {text:?}")).into()
    })
}

fn period_of(engine: &Engine, saved: &SavedQuery, since: Option<Timestamp>) -> anyhow::Result<DigestPeriod> {
    Ok(match since {
        Some(time) => engine.period_since(time)?,
        None => engine.period_after(saved.digested)?,
    })
}

/// What is new for one saved query.
struct Digest {
    name: String,
    /// Names the message: the same for the same saved query and period.
    message_id: String,
    total: u64,
    hits: Vec<Hit>,
}

impl Digest {
    fn of(engine: &Engine, saved: &SavedQuery, period: DigestPeriod) -> anyhow::Result<Self> {
        let found = engine.answer_within(period, &saved_question(saved)?)?;
        Ok(Self {
            name: saved.name.clone(),
            message_id: format!(
                "<digest.{}.{}-{}@{}.cognate.invalid>",
                saved.id,
                period.after,
                period.until,
                engine.store_id()?
            ),
            total: found.total,
            hits: found.hits,
        })
    }

    fn subject(&self) -> String {
        let n = self.hits.len();
        let papers = if n == 1 { "paper" } else { "papers" };
        format!("{}: {n} new {papers}", one_line(&self.name))
    }

    fn items(&self) -> Vec<Item> {
        self.hits.iter().map(Item::of).collect()
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n", self.subject());
        for (number, item) in (1..).zip(self.items()) {
            text.push_str(&format!("\n{number}. {}\n", item.title));
            for line in [&item.details, &item.link].into_iter().filter(|line| !line.is_empty()) {
                text.push_str(&format!("   {line}\n"));
            }
            if !item.snippet.is_empty() {
                text.push_str(&format!("   {}\n", item.snippet));
            }
        }
        text.push_str(&self.rest().map_or_else(String::new, |rest| format!("\n{rest}\n")));
        text
    }

    /// What the digest leaves out.
    fn rest(&self) -> Option<String> {
        let n_rest = self.total.saturating_sub(self.hits.len() as u64);
        (n_rest > 0).then(|| format!("{n_rest} more papers came that pass the filter and rank lower."))
    }

    fn html(&self) -> anyhow::Result<String> {
        let page = DigestPage {
            subject: self.subject(),
            items: self.items(),
            rest: self.rest().unwrap_or_default(),
        };
        Ok(page.render()?)
    }

    fn message(&self, from: Mailbox, to: Mailbox) -> anyhow::Result<Message> {
        let body = lettre::message::MultiPart::alternative_plain_html(self.text(), self.html()?);
        let message = Message::builder()
            .from(from)
            .to(to)
            .subject(self.subject())
            .message_id(Some(self.message_id.clone()))
            .date_now()
            .multipart(body);
        message.context("could not write the message")
    }
}

/// A paper in a digest. Blank is absent.
struct Item {
    title: String,
    details: String,
    link: String,
    snippet: String,
}

impl Item {
    fn of(hit: &Hit) -> Self {
        let paper = &hit.paper.paper;
        let mut details = Vec::new();
        match paper.authors.as_slice() {
            [] => {}
            [first, _, _, ..] => details.push(format!("{} et al.", one_line(first))),
            few => details.push(one_line(&few.join(", "))),
        }
        let published = paper.publication_date.map(|date| date.to_string());
        details.extend(published.or(paper.year.map(|year| year.to_string())));
        details.extend(paper.venue.as_deref().map(one_line));
        let text = one_line(paper.abstract_text.as_deref().unwrap_or_default());
        let end = text.char_indices().nth(SNIPPET_CHARS).map_or(text.len(), |(at, _)| at);
        let cut = &text[..formula_around(&text, end).map_or(end, |formula| formula.start)];
        Self {
            title: paper.title.as_deref().map_or_else(|| paper.id.to_string(), one_line),
            details: details.join(" · "),
            // Anything else, such as `javascript:`, is no address to follow.
            link: link(paper)
                .filter(|link| link.starts_with("https://") || link.starts_with("http://"))
                .unwrap_or_default(),
            snippet: if cut.len() < text.len() { format!("{}…", cut.trim_end()) } else { text },
        }
    }
}

/// A text of a message, its TeX as formulas.
fn set(text: &str) -> String {
    cognate_typeset::html(text, cognate_typeset::For::Reader)
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{{ subject }}</title></head>
<body style="margin: 2em auto; max-width: 40em; padding: 0 1em; font: 16px/1.5 Georgia, serif">
<h1 style="font-size: 1.3em">{{ subject }}</h1>
{% for item in items %}
<h2 style="font-size: 1.05em; margin: 1.6em 0 0">{% if item.link.is_empty() %}{{ crate::commands::digest::set(&item.title)|safe }}{% else %}<a href="{{ item.link }}">{{ crate::commands::digest::set(&item.title)|safe }}</a>{% endif %}</h2>
{% if !item.details.is_empty() %}<p style="margin: 0.2em 0; opacity: 0.75">{{ item.details }}</p>{% endif %}
{% if !item.snippet.is_empty() %}<p style="margin: 0.2em 0">{{ crate::commands::digest::set(&item.snippet)|safe }}</p>{% endif %}
{% endfor %}
{% if !rest.is_empty() %}<p>{{ rest }}</p>{% endif %}
</body>
</html>
"#
)]
struct DigestPage {
    subject: String,
    items: Vec<Item>,
    rest: String,
}

/// Who gets it; for a message that is only printed, somebody here.
fn recipient(args: &DigestArgs) -> Result<Mailbox, InvalidInput> {
    args.to.as_ref().unwrap_or(&args.from).mailbox()
}

fn print(
    engine: &Engine,
    output: &Output,
    args: &DigestArgs,
    (saved, since): (&[SavedQuery], Option<Timestamp>),
) -> anyhow::Result<()> {
    let mut bodies: Vec<Value> = Vec::new();
    let mut text = String::new();
    let mut failed = Failed::default();
    for saved in saved {
        let digest = period_of(engine, saved, since).and_then(|period| Digest::of(engine, saved, period));
        let Some(digest) = failed.or_note(saved, digest) else { continue };
        text.push_str(&match args.format {
            DigestFormat::Text => digest.text(),
            DigestFormat::Html => digest.html()?,
            DigestFormat::Eml => {
                let (from, to) = (args.from.mailbox()?, recipient(args)?);
                String::from_utf8_lossy(&digest.message(from, to)?.formatted()).into_owned()
            }
        });
        text.push('\n');
        bodies.push(json!({
            "saved": saved.id,
            "name": saved.name,
            "message_id": digest.message_id,
            "total": digest.total,
            "papers": digest.hits.iter().map(|hit| hit.paper.paper.id.as_str()).collect::<Vec<_>>(),
        }));
    }
    if saved.is_empty() {
        text.push_str("No queries are saved; `cognate saved add` saves one.");
    }
    output.print(&json!({ "digests": bodies, "failed": failed.bodies }), |_| text)?;
    failed.to_result()
}

/// Sends a message for each saved query that has something new. What was recorded as on its way and not as
/// accepted, after a crash, is sent again under its old Message-ID.
fn send(
    engine: &Engine,
    output: &Output,
    args: &DigestArgs,
    (saved, since): (&[SavedQuery], Option<Timestamp>),
) -> anyhow::Result<()> {
    let (from, to) = (args.from.mailbox()?, recipient(args)?);
    let mailer = Mailer::from_environment()?;
    let mut sent: Vec<Value> = Vec::new();
    let mut text = String::new();
    let mut failed = Failed::default();
    for saved in saved {
        let period = engine.begin_digest(&saved.id, period_of(engine, saved, since)?)?;
        let Some(digest) = failed.or_note(saved, Digest::of(engine, saved, period)) else { continue };
        if !digest.hits.is_empty() {
            mailer.send(&digest.message(from.clone(), to.clone())?)?;
            text.push_str(&format!("sent to {to}: {}\n", digest.subject()));
            let n_papers = digest.hits.len();
            sent.push(json!({ "saved": saved.id, "message_id": digest.message_id, "n_papers": n_papers }));
        }
        engine.end_digest(&saved.id, period)?;
    }
    if sent.is_empty() {
        text.push_str("nothing new; no message was sent");
    }
    output.print(&json!({ "sent": sent, "failed": failed.bodies }), |_| text)?;
    failed.to_result()
}

/// Saved queries that cannot be answered, as one with a seed that is gone: the others are.
#[derive(Default)]
struct Failed {
    bodies: Vec<Value>,
    told: Vec<String>,
}

impl Failed {
    fn or_note(&mut self, saved: &SavedQuery, digest: anyhow::Result<Digest>) -> Option<Digest> {
        match digest {
            Ok(digest) => Some(digest),
            Err(error) => {
                self.told.push(format!("`{}`: {error:#}", saved.id));
                self.bodies.push(json!({ "saved": saved.id, "error": format!("{error:#}") }));
                None
            }
        }
    }

    fn to_result(&self) -> anyhow::Result<()> {
        if self.told.is_empty() {
            return Ok(());
        }
        Err(InvalidInput(format!("saved queries that cannot be answered: {}", self.told.join("; "))).into())
    }
}
