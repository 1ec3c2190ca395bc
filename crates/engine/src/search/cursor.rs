//! Listings that go on as they began, whatever is added meanwhile.
//!
//! The first page of such a listing keeps the snapshot that it was made from, and what was found out about the request
//! beside it. The answer has a cursor: which listing, and how far it came. A listing is kept for [`LIFE`] after each page;
//! there are [`MAX_KEPT`] at the most, those that were asked for last.
//!
//! Where papers lie with another engine, nothing is kept: a page begins behind the last paper of the page before it, in the
//! order of that moment, so that what is added meanwhile may be missed.

use std::any::Any;
use std::fmt::{self, Debug};
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use xxhash_rust::xxh3::xxh3_64;

use super::Papers;
use super::request::{Page, SearchOptions, Shown, invalid};
use super::response::{Hit, SearchResponse};
use crate::backend::{Backend, Remote};
use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::stored_model::StoredModel;
use crate::view::{Moment, Snapshot};
use crate::works::Works;

/// How long a listing is kept after its last page.
const LIFE: Duration = Duration::from_secs(300);
/// Most listings that are kept.
const MAX_KEPT: usize = 64;
/// Begins a cursor of a listing that is not kept; no digit.
const BEHIND: char = 'x';
/// So many hits before and behind its place are looked through for the paper behind which a page begins.
const AROUND: usize = 100;

/// Where a listing goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// At its beginning.
    New,
    /// Where a page of it ended.
    At {
        /// Which listing.
        listing: u64,
        /// Hits before, with those that were deleted since.
        offset: u32,
    },
    /// Behind a paper, where nothing is kept.
    Behind {
        /// A hash of its id.
        id: u64,
        /// How many hits there were up to it.
        offset: u32,
    },
}

impl FromStr for Cursor {
    type Err = EngineError;

    /// Reads `new`, or what an answer gave.
    fn from_str(text: &str) -> Result<Self, EngineError> {
        if text == "new" {
            return Ok(Self::New);
        }
        let at = text.split_once('-').and_then(|(place, offset)| {
            let offset = offset.parse().ok()?;
            let number = |text| u64::from_str_radix(text, 16).ok();
            Some(match place.strip_prefix(BEHIND) {
                Some(id) => Self::Behind { id: number(id)?, offset },
                None => Self::At { listing: number(place)?, offset },
            })
        });
        at.ok_or_else(|| {
            invalid("cursor", "`new`, or the cursor of an answer".to_owned(), format!("{text:?}"))
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("new"),
            Self::At { listing, offset } => write!(f, "{listing:016x}-{offset}"),
            Self::Behind { id, offset } => write!(f, "{BEHIND}{id:016x}-{offset}"),
        }
    }
}

/// What all pages of a listing are made from, beside the snapshot.
pub(super) struct Basis<K> {
    /// The works of several publications, where one of each is to be shown.
    pub(super) works: Option<Arc<Works>>,
    /// What the request names, as it was found in the store.
    pub(super) named: K,
}

/// How a request for a list is answered.
pub(super) struct Steps<'a, K> {
    /// Finds what the request names.
    pub(super) named: &'a mut Naming<'a, K>,
    /// Answers, with the page that begins where these options say.
    pub(super) answer: &'a mut Answering<'a, K>,
}

type Naming<'a, K> = dyn FnMut(&dyn Backend) -> Result<K, EngineError> + 'a;
type Answering<'a, K> =
    dyn FnMut(&dyn Backend, &Basis<K>, &SearchOptions) -> Result<SearchResponse, EngineError> + 'a;

/// Where a listing began.
#[derive(Clone)]
struct Origin {
    model: StoredModel,
    snapshot: Arc<Snapshot>,
    total: u64,
    /// A [`Basis`] of what the request names.
    basis: Arc<dyn Any + Send + Sync>,
}

/// The listings that may go on, the next to expire first.
struct Listings<O> {
    kept: Mutex<Vec<Kept<O>>>,
}

impl<O> Default for Listings<O> {
    fn default() -> Self {
        Self { kept: Mutex::default() }
    }
}

struct Kept<O> {
    listing: u64,
    /// What was asked for, but for the page.
    asked: u64,
    origin: O,
    expires: Instant,
}

impl<O: Clone> Listings<O> {
    fn begin(&self, (listing, asked): (u64, u64), origin: O, now: Instant) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|kept| kept.expires > now);
        if kept.len() >= MAX_KEPT {
            kept.remove(0);
        }
        kept.push(Kept { listing, asked, origin, expires: now + LIFE });
    }

    fn go_on(&self, (listing, asked): (u64, u64), now: Instant) -> Result<O, EngineError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|kept| kept.expires > now);
        let at = kept.iter().position(|kept| kept.listing == listing).ok_or(EngineError::CursorGone)?;
        if kept[at].asked != asked {
            return Err(other_request());
        }
        let mut found = kept.remove(at);
        found.expires = now + LIFE;
        let origin = found.origin.clone();
        kept.push(found);
        Ok(origin)
    }
}

fn other_request() -> EngineError {
    invalid("cursor", "the request that it was given for, but for `limit`".to_owned(), "another")
}

impl Engine {
    /// Answers a request for a list: at one moment that is now, or as its listing began. What is `asked`, beside the
    /// options, tells requests apart.
    ///
    /// # Errors
    /// [`EngineError::CursorGone`] if the listing is not kept any more, [`EngineError::InvalidRequest`] if the cursor is of
    /// another request, and whatever the calls fail with.
    pub(super) fn listed<K: Send + Sync + 'static>(
        &self,
        (papers, cancel): (&Papers<'_>, &Cancel),
        (options, asked): (&SearchOptions, &dyn Debug),
        steps: Steps<'_, K>,
    ) -> Result<SearchResponse, EngineError> {
        let view = match papers {
            Papers::Here(view) => view,
            Papers::Elsewhere(remote) => return self.answered_elsewhere((*remote, cancel), options, steps),
        };
        let store = self.store()?;
        if let Some(Cursor::Behind { .. }) = options.cursor {
            return Err(EngineError::CursorGone);
        }
        if let Some(Cursor::At { listing, offset }) = options.cursor {
            let origin = self.listings().go_on((listing, fingerprint(options, asked)), Instant::now())?;
            let basis = Arc::downcast::<Basis<K>>(origin.basis).map_err(|_| other_request())?;
            if !view.model().is_compatible(&origin.model) {
                // Embedded anew: a query's vector is of another space now.
                return Err(EngineError::CursorGone);
            }
            if u64::from(offset) >= origin.total {
                return Err(invalid("cursor", "the cursor of an answer".to_owned(), "one behind the end"));
            }
            let mut options = options.clone();
            options.page.offset = offset as usize;
            let moment = Moment::past(origin.snapshot, store);
            let mut response = match (steps.answer)(&moment, &basis, &options) {
                Err(error) if view.recover(store, &moment.snapshot, &error)? => {
                    return Err(EngineError::CursorGone);
                }
                answered => answered?,
            };
            response.meta.cursor = cursor_behind(options.page, origin.total, listing);
            return Ok(response);
        }
        let mut origin = None;
        let mut response = self.at_one_moment(view, &mut |moment| {
            let works = match options.versions {
                Shown::One => Some(moment.read_exactly(|reader| self.works(reader))?),
                Shown::All => None,
            };
            let basis = Arc::new(Basis { works, named: (steps.named)(moment)? });
            let response = (steps.answer)(moment, &basis, options)?;
            let (model, snapshot) = (view.model().clone(), Arc::clone(&moment.snapshot));
            origin = Some(Origin { model, snapshot, total: response.total, basis });
            Ok(response)
        })?;
        if let (Some(Cursor::New), Some(origin)) = (options.cursor, origin) {
            let asked = fingerprint(options, asked);
            // A number that no other listing has.
            let listing = RandomState::new().hash_one(asked);
            response.meta.cursor = cursor_behind(options.page, origin.total, listing);
            if response.meta.cursor.is_some() {
                self.listings().begin((listing, asked), origin, Instant::now());
            }
        }
        Ok(response)
    }

    /// Answers a request for a list, whose papers lie with another engine, as they are now.
    fn answered_elsewhere<K>(
        &self,
        (remote, cancel): (&dyn Remote, &Cancel),
        options: &SearchOptions,
        steps: Steps<'_, K>,
    ) -> Result<SearchResponse, EngineError> {
        if options.versions == Shown::One {
            // Works are what a deduplication of all papers found.
            self.local()?;
        }
        if (options.exact || options.page.min_score.is_some()) && !remote.is_exact(cancel)? {
            let reason = "`exact` and `min_score` need an index that compares every vector".to_owned();
            return Err(EngineError::NotThere { place: remote.name().to_owned(), reason });
        }
        let backend = remote.moment(cancel)?;
        let basis = Basis { works: None, named: (steps.named)(&*backend)? };
        let mut answer = |options: &SearchOptions| (steps.answer)(&*backend, &basis, options);
        let mut response = match options.cursor {
            None => return answer(options),
            Some(Cursor::At { .. }) => return Err(EngineError::CursorGone),
            Some(Cursor::New) => answer(options)?,
            Some(Cursor::Behind { id, offset }) => {
                let offset = offset as usize;
                let mut around = options.clone();
                around.page.offset = offset.saturating_sub(AROUND);
                around.page.limit = options.page.limit + 2 * AROUND;
                let mut response = answer(&around)?;
                let mut hits = response.hits.iter();
                let before = hits.position(|hit| hash_of(hit) == id).map(|at| at + 1);
                // It may be gone.
                let before = before.unwrap_or(offset - around.page.offset).min(response.hits.len());
                response.hits.drain(..before);
                response.hits.truncate(options.page.limit);
                response.offset = around.page.offset + before;
                response
            }
        };
        let end = response.offset + response.hits.len();
        let last = response.hits.last().filter(|_| (end as u64) < response.total);
        response.meta.cursor = last
            .and_then(|last| Some(Cursor::Behind { id: hash_of(last), offset: u32::try_from(end).ok()? }));
        Ok(response)
    }

    fn listings(&self) -> Arc<Listings<Origin>> {
        self.kept.slot()
    }
}

/// The cursor behind a page; `None` at the end.
fn cursor_behind(page: Page, total: u64, listing: u64) -> Option<Cursor> {
    let offset = u32::try_from(page.end()).ok().filter(|end| u64::from(*end) < total)?;
    Some(Cursor::At { listing, offset })
}

/// Stands for a hit in a cursor.
fn hash_of(hit: &Hit) -> u64 {
    xxh3_64(hit.paper.paper.id.as_str().as_bytes())
}

/// Tells whether two requests are for pages of one listing.
fn fingerprint(options: &SearchOptions, asked: &dyn Debug) -> u64 {
    let page = Page { min_score: options.page.min_score, ..Page::default() };
    let options = SearchOptions { page, cursor: None, explain: false, ..options.clone() };
    let mut hasher = DefaultHasher::new();
    format!("{:?}", (asked, options)).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_are_kept_for_a_while_and_not_too_many() {
        let listings = Listings::default();
        let start = Instant::now();
        listings.begin((1, 7), "first", start);
        assert_eq!(listings.go_on((1, 7), start + LIFE / 2).unwrap(), "first");
        // Each page prolongs it.
        assert_eq!(listings.go_on((1, 7), start + LIFE).unwrap(), "first");
        assert!(matches!(listings.go_on((1, 8), start + LIFE), Err(EngineError::InvalidRequest { .. })));
        assert!(matches!(listings.go_on((2, 7), start + LIFE), Err(EngineError::CursorGone)));
        assert!(matches!(listings.go_on((1, 7), start + LIFE * 2), Err(EngineError::CursorGone)));
        for listing in 0..MAX_KEPT as u64 {
            listings.begin((listing, 0), "one", start);
        }
        // The one that was asked for longest ago goes.
        assert!(listings.go_on((0, 0), start).is_ok());
        listings.begin((MAX_KEPT as u64, 0), "one more", start);
        assert!(matches!(listings.go_on((1, 0), start), Err(EngineError::CursorGone)));
        assert!((2..=MAX_KEPT as u64).chain([0]).all(|listing| listings.go_on((listing, 0), start).is_ok()));
    }

    #[test]
    fn cursors_are_read_as_they_are_written() {
        let last = Cursor::At { listing: u64::MAX, offset: u32::MAX };
        let behind = Cursor::Behind { id: u64::MAX, offset: 40 };
        for cursor in [Cursor::New, Cursor::At { listing: 0, offset: 7 }, last, behind] {
            assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }
        for text in [
            "",
            "old",
            "-",
            "1-",
            "-1",
            "1-99999999999",
            "zz-1",
            "11111111111111111-1",
            "1-1-1",
            "x-1",
            "xz-1",
        ] {
            assert!(text.parse::<Cursor>().is_err(), "{text:?}");
        }
    }
}
