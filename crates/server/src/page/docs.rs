//! The documentation, and a page to try the interface.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

use super::{Frame, PageError, page};
use crate::error::ApiError;
use crate::routes::App;

/// The documents of this release, by name.
const DOCUMENTS: [(&str, &str); 16] = [
    ("http", include_str!("../../../../docs/http.md")),
    ("cli", include_str!("../../../../docs/cli.md")),
    ("clients", include_str!("../../../../docs/clients.md")),
    ("dedup", include_str!("../../../../docs/dedup.md")),
    ("engines", include_str!("../../../../docs/engines.md")),
    ("format", include_str!("../../../../docs/format.md")),
    ("formats", include_str!("../../../../docs/formats.md")),
    ("keyword", include_str!("../../../../docs/keyword.md")),
    ("mcp", include_str!("../../../../docs/mcp.md")),
    ("models", include_str!("../../../../docs/models.md")),
    ("page", include_str!("../../../../docs/page.md")),
    ("ranking", include_str!("../../../../docs/ranking.md")),
    ("saved", include_str!("../../../../docs/saved.md")),
    ("scale", include_str!("../../../../docs/scale.md")),
    ("store", include_str!("../../../../docs/store.md")),
    ("trends", include_str!("../../../../docs/trends.md")),
];

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/docs", get(interface))
        .route("/docs/{name}", get(document))
        .route("/docs/try", get(try_out))
}

#[derive(Template)]
#[template(path = "docs.html", whitespace = "minimize")]
struct DocsPage {
    frame: Frame,
    names: Vec<&'static str>,
    /// Made of documents of this release alone, in which no HTML stands.
    html: String,
}

#[derive(Template)]
#[template(path = "try.html", whitespace = "minimize")]
struct TryPage {
    frame: Frame,
    /// What a browser that is signed in must send with a request that changes something.
    token: String,
}

/// `GET /docs`: the interface over HTTP.
async fn interface() -> Result<Response, PageError> {
    shown("http")
}

/// `GET /docs/{name}`
async fn document(Path(name): Path<String>) -> Result<Response, PageError> {
    shown(&name)
}

/// `GET /docs/try`: each operation, to be sent from the browser.
async fn try_out() -> Response {
    let frame = Frame::new("Try the interface", "");
    let token = frame.signed_in.as_ref().map(|signed_in| signed_in.token.clone()).unwrap_or_default();
    page(StatusCode::OK, &TryPage { frame, token })
}

fn shown(name: &str) -> Result<Response, PageError> {
    let document = DOCUMENTS.iter().find(|(known, _)| *known == name);
    let (_, text) = document.ok_or_else(|| ApiError::not_found(format!("there is no document {name:?}")))?;
    let (title, html) = html_of(text);
    let names = DOCUMENTS.iter().map(|(name, _)| *name).collect();
    Ok(page(StatusCode::OK, &DocsPage { frame: Frame::new(title, ""), names, html }))
}

/// The title of a document, and the document as HTML: headings have the ids that links name, and links to another
/// document lead to its page.
fn html_of(text: &str) -> (String, String) {
    let mut events: Vec<Event<'_>> = Parser::new_ext(text, Options::ENABLE_TABLES).collect();
    let mut title = None;
    for i in 0..events.len() {
        match &events[i] {
            Event::Start(Tag::Heading { level, .. }) => {
                let level = *level;
                let words = events[i + 1..]
                    .iter()
                    .take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
                let words = words.filter_map(|event| match event {
                    Event::Text(text) | Event::Code(text) => Some(&**text),
                    _ => None,
                });
                let words: String = words.collect();
                if let Event::Start(Tag::Heading { id, .. }) = &mut events[i] {
                    *id = Some(slug(&words).into());
                }
                if level == HeadingLevel::H1 {
                    title.get_or_insert(words);
                }
            }
            Event::Start(Tag::Link { dest_url, .. }) if !dest_url.contains(':') => {
                let (path, anchor) =
                    dest_url.split_once('#').map_or((&**dest_url, ""), |(path, anchor)| (path, anchor));
                let Some(name) = path.strip_suffix(".md") else { continue };
                let mark = if anchor.is_empty() { "" } else { "#" };
                let address = format!("/docs/{name}{mark}{anchor}");
                if let Event::Start(Tag::Link { dest_url, .. }) = &mut events[i] {
                    *dest_url = CowStr::from(address);
                }
            }
            // The documents have none, and the page would not show it.
            Event::Html(_) | Event::InlineHtml(_) => events[i] = Event::Text(CowStr::Borrowed("")),
            _ => {}
        }
    }
    let mut written = String::new();
    html::push_html(&mut written, events.into_iter());
    (title.unwrap_or_default(), written)
}

/// The id of a heading, as GitHub makes it.
fn slug(words: &str) -> String {
    let kept = words.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-' || *c == '_');
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_pages_and_headings() {
        let text = "# The one\n\nSee [there](formats.md#the-one) and [out](https://example.org/a.md).\n\n## A `b` c, d\n";
        let (title, html) = html_of(text);
        assert_eq!(title, "The one");
        assert!(html.contains(r#"<h1 id="the-one">"#), "{html}");
        assert!(html.contains(r#"<h2 id="a-b-c-d">"#), "{html}");
        assert!(html.contains(r#"href="/docs/formats#the-one""#), "{html}");
        assert!(html.contains(r#"href="https://example.org/a.md""#), "{html}");
    }

    #[test]
    fn links_of_documents_lead_somewhere() {
        let pages: Vec<(&str, String)> =
            DOCUMENTS.iter().map(|(name, text)| (*name, html_of(text).1)).collect();
        let mut n_links = 0;
        for (from, html) in &pages {
            for link in html.split("href=\"/docs/").skip(1) {
                let link = link.split('"').next().unwrap();
                let (name, anchor) = link.split_once('#').unwrap_or((link, ""));
                let to = pages.iter().find(|(known, _)| *known == name);
                let (_, to) = to.unwrap_or_else(|| panic!("{from} links to {link}, which there is not"));
                assert!(
                    anchor.is_empty() || to.contains(&format!("id=\"{anchor}\"")),
                    "{from} links to {link}"
                );
                n_links += 1;
            }
        }
        assert!(n_links > 20);
    }
}
