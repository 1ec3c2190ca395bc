//! The filters of a search: several values for a field, how many papers each value would give, and the years as a
//! picture.

use cognate_engine::{Facet, FacetCount, FacetField, YearRange};
use cognate_wire::{ConditionParams, OneOrMany, filter_text};
use serde_json::{Map, Value, json};

use super::item::Link;
use super::search::{Params, thousands};

/// Values of a facet that are shown at once.
const MAX_VALUES: usize = 8;
/// Values that are shown behind them, on demand.
const MAX_MORE: usize = 4;
/// Bars of the picture of years at most.
const MAX_BARS: i32 = 32;
/// Years of a bar: the least of these with which there are few enough bars.
const STEPS: [i32; 9] = [1, 2, 5, 10, 20, 50, 100, 200, 500];
/// Width of a bar with its gap, and height of the picture.
const BAR_WIDTH: i32 = 10;
const HEIGHT: u64 = 50;

/// The values in a field, as people write them: with commas between, in quotes where they hold commas themselves.
pub(super) fn parts(text: &str) -> Vec<String> {
    OneOrMany::Commas(text.to_owned()).parts()
}

/// The reverse of [`parts`].
pub(super) fn joined(values: &[String]) -> String {
    let values = values.iter().map(|value| filter_text("categories", value));
    values.collect::<Vec<_>>().join(",")
}

/// The filters of a state of the page as searches take them, but for the field `without`. Several years or venues are
/// a filter in JSON: a paper is in one of them.
pub(super) fn conditions(params: &Params, without: Option<FacetField>) -> ConditionParams {
    let values = |field, text: &str| if without == Some(field) { Vec::new() } else { parts(text) };
    let mut several = Vec::new();
    let mut one = |name: &str, mut values: Vec<String>| {
        if values.len() > 1 {
            let any: Vec<Value> = values.into_iter().map(|value| json!({ name: value })).collect();
            several.push(json!({ "should": any }));
            return None;
        }
        values.pop()
    };
    let year = one("year", values(FacetField::Year, &params.year));
    let venue = one("venue", values(FacetField::Venue, &params.venue));
    let categories = values(FacetField::Categories, &params.categories);
    if let Some(list) = &params.among {
        several.push(json!({ "ids": list.ids }));
    }
    let region = params.region.trim();
    if !region.is_empty() {
        several.push(json!({ "region": region }));
    }
    ConditionParams {
        year,
        venue,
        categories: (!categories.is_empty()).then_some(OneOrMany::List(categories)),
        author: Some(params.author.trim().to_owned()).filter(|author| !author.is_empty()),
        filter: (!several.is_empty()).then(|| json!({ "must": several })),
        ..ConditionParams::default()
    }
}

/// The same as parameters of the interface.
pub(super) fn fields(conditions: ConditionParams) -> Vec<(&'static str, String)> {
    let ConditionParams { year, categories, author, venue, filter, .. } = conditions;
    let categories = categories.map(|categories| joined(&categories.parts()));
    let filter = filter.map(|filter| filter.to_string());
    let fields = [
        ("year", year),
        ("categories", categories),
        ("author", author),
        ("venue", venue),
        ("filter", filter),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The values of `name` in a filter that [`conditions`] made, as the page's field has them; `None` where it is another's.
pub(super) fn several(filter: &Value, name: &str) -> Option<String> {
    let must = filter.as_object()?.get("must")?.as_array()?;
    let mut found = Vec::new();
    for clause in must {
        let clause = clause.as_object().filter(|clause| clause.len() == 1)?;
        if let Some(region) = clause.get("region") {
            let region = region.as_str()?;
            found.extend((name == "region").then(|| region.to_owned()));
            continue;
        }
        let any = clause.get("should")?.as_array()?;
        for condition in any {
            let condition: &Map<String, Value> = condition.as_object().filter(|fields| fields.len() == 1)?;
            let (field, value) = condition.iter().next()?;
            if !["year", "venue"].contains(&field.as_str()) {
                return None;
            }
            if field == name {
                found.push(value.as_str()?.to_owned());
            }
        }
    }
    Some(joined(&found))
}

/// The fields that papers are counted by, and whose values can be chosen, with the page's name for each.
const FIELDS: [(FacetField, &str, &str); 3] = [
    (FacetField::Year, "year", "Year"),
    (FacetField::Categories, "categories", "Category"),
    (FacetField::Venue, "venue", "Venue"),
];

/// The fields of which values are chosen: their papers are counted without that choice, so that others can be added.
pub(super) fn chosen(params: &Params) -> Vec<FacetField> {
    let is_chosen = |field: &FacetField| !parts(own(params, *field)).is_empty();
    FIELDS.iter().map(|(field, ..)| *field).filter(is_chosen).collect()
}

fn own(params: &Params, field: FacetField) -> &str {
    match field {
        FacetField::Year => &params.year,
        FacetField::Categories => &params.categories,
        FacetField::Venue => &params.venue,
    }
}

/// The filters that are on, each a link to the state without it.
pub(super) fn chips(params: &Params) -> Vec<Link> {
    let mut chips = Vec::new();
    for (field, name, label) in FIELDS {
        for value in parts(own(params, field)) {
            let href = toggled(params, (field, name), &value);
            chips.push(Link { href, text: format!("{label}: {value}") });
        }
    }
    let list = params.among.as_ref().map_or(params.list.trim(), |list| list.name.as_str());
    let without_list = Params { list: String::new(), tag: String::new(), ..params.clone() };
    let without = |name: &'static str| params.address_with("/search", (name, "")).into_text();
    let others = [
        (&params.author, without("author"), format!("Author: {}", params.author.trim())),
        (&params.list, without_list.address().into_text(), format!("List: {list}")),
        (&params.tag, without("tag"), format!("Tag: {}", params.tag.trim())),
        (&params.region, without("region"), "A part of the map".to_owned()),
    ];
    for (value, href, text) in others {
        if !value.trim().is_empty() {
            chips.push(Link { href, text });
        }
    }
    if chips.len() > 1 {
        let bare = Params { year: String::new(), categories: String::new(), ..params.clone() };
        let bare = Params { venue: String::new(), author: String::new(), list: String::new(), ..bare };
        let bare = Params { tag: String::new(), region: String::new(), ..bare };
        chips.push(Link { href: bare.address().into_text(), text: "All filters".to_owned() });
    }
    chips
}

/// The state with a value taken away that is chosen, or else with it among those chosen.
fn toggled(params: &Params, (field, name): (FacetField, &'static str), value: &str) -> String {
    let mut values = parts(own(params, field));
    match values.iter().position(|own| own == value) {
        Some(at) => drop(values.remove(at)),
        None => values.push(value.to_owned()),
    }
    params.address_with("/search", (name, &joined(&values))).into_text()
}

/// What papers there are beside the list.
#[derive(Default)]
pub(super) struct Facets {
    pub(super) years: Option<Years>,
    pub(super) lists: Vec<FacetView>,
}

/// A facet of the page.
pub(super) struct FacetView {
    pub(super) name: &'static str,
    pub(super) values: Vec<FacetValue>,
    /// Those that are shown on demand.
    pub(super) more: Vec<FacetValue>,
}

/// A value of a facet.
pub(super) struct FacetValue {
    pub(super) link: Link,
    pub(super) n_papers: String,
    pub(super) is_active: bool,
}

/// The picture of years.
pub(super) struct Years {
    pub(super) width: i32,
    /// The year with which the first bar begins, and the one with which the last ends.
    pub(super) first: i32,
    pub(super) last: i32,
    /// Years of a bar.
    pub(super) step: i32,
    pub(super) bars: Vec<Bar>,
}

/// The papers of a year, or of some.
pub(super) struct Bar {
    pub(super) x: i32,
    pub(super) y: u64,
    pub(super) height: u64,
    pub(super) label: String,
    pub(super) href: String,
    pub(super) is_on: bool,
}

impl Facets {
    pub(super) fn new(params: &Params, facets: &[Facet]) -> Self {
        let mut shown = Self::default();
        for (field, name, label) in FIELDS {
            let Some(facet) = facets.iter().find(|facet| facet.field == field) else { continue };
            match field {
                FacetField::Year => shown.years = Years::new(params, &facet.counts),
                FacetField::Categories | FacetField::Venue => {
                    shown.lists.extend(FacetView::new(params, (field, name, label), &facet.counts));
                }
            }
        }
        shown
    }
}

impl FacetView {
    fn new(
        params: &Params,
        (field, name, label): (FacetField, &'static str, &'static str),
        counts: &[FacetCount],
    ) -> Option<Self> {
        let chosen = parts(own(params, field));
        let view = |count: &FacetCount| FacetValue {
            link: Link { href: toggled(params, (field, name), &count.value), text: count.value.clone() },
            n_papers: thousands(count.n_papers),
            is_active: chosen.contains(&count.value),
        };
        let mut values: Vec<FacetValue> = Vec::new();
        let mut more = Vec::new();
        for value in counts.iter().take(MAX_VALUES + MAX_MORE).map(view) {
            if values.len() < MAX_VALUES || value.is_active { &mut values } else { &mut more }.push(value);
        }
        (!values.is_empty()).then_some(Self { name: label, values, more })
    }
}

impl Years {
    /// Whether there are so few bars that nothing but the two years has room below them.
    pub(super) fn is_short(&self) -> bool {
        self.width < 10 * BAR_WIDTH
    }

    /// `None` where all papers are of one year.
    fn new(params: &Params, counts: &[FacetCount]) -> Option<Self> {
        let year = |count: &FacetCount| {
            let year = count.value.parse().ok().filter(|year| (0..=9_999).contains(year));
            Some((year?, count.n_papers))
        };
        let counts: Vec<(i32, u64)> = counts.iter().filter_map(year).collect();
        let first = counts.iter().map(|(year, _)| *year).min()?;
        let last = counts.iter().map(|(year, _)| *year).max()?;
        if first == last {
            return None;
        }
        let n_bars = |step: i32| last.div_euclid(step) - first.div_euclid(step) + 1;
        let step = STEPS.into_iter().find(|step| n_bars(*step) <= MAX_BARS).unwrap_or(STEPS[STEPS.len() - 1]);
        let begin = first.div_euclid(step) * step;
        let mut sums = vec![0_u64; usize::try_from(n_bars(step)).unwrap_or_default()];
        for (year, n_papers) in counts {
            if let Some(sum) = usize::try_from((year - begin) / step).ok().and_then(|at| sums.get_mut(at)) {
                *sum += n_papers;
            }
        }
        let most = sums.iter().copied().max().unwrap_or_default().max(1);
        let on: Vec<YearRange> = parts(&params.year).iter().filter_map(|part| part.parse().ok()).collect();
        let bars = (0..).zip(&sums).filter(|(_, n_papers)| **n_papers > 0).map(|(place, n_papers)| {
            let (from, to) = (begin + place * step, begin + (place + 1) * step - 1);
            let name = if step == 1 { format!("{from:04}") } else { format!("{from:04}-{to:04}") };
            let height = (n_papers * (HEIGHT - 2) / most).max(2);
            Bar {
                x: place * BAR_WIDTH,
                y: HEIGHT - height,
                height,
                label: format!("{name}: {}", super::search::counted(*n_papers, "paper")),
                href: toggled(params, (FacetField::Year, "year"), &name),
                is_on: on.iter().any(|range| {
                    range.first.is_none_or(|year| i32::from(year) <= to)
                        && range.last.is_none_or(|year| i32::from(year) >= from)
                }),
            }
        });
        Some(Self {
            width: BAR_WIDTH * n_bars(step),
            first: begin,
            last: begin + n_bars(step) * step - 1,
            step,
            bars: bars.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, u64)]) -> Vec<FacetCount> {
        let count =
            |(value, n_papers): &(&str, u64)| FacetCount { value: (*value).to_owned(), n_papers: *n_papers };
        counts.iter().map(count).collect()
    }

    #[test]
    fn several_values_are_written_and_read_back() {
        let params = Params {
            year: "2019, 2021-2023".to_owned(),
            venue: "\"Ice, Snow\",Lancet".to_owned(),
            categories: "cs.CL".to_owned(),
            ..Params::default()
        };
        let conditions_of = conditions(&params, None);
        assert_eq!((&conditions_of.year, &conditions_of.venue), (&None, &None));
        let filter = conditions_of.filter.clone().unwrap();
        assert!(cognate_wire::filter_of(&filter).is_ok());
        assert_eq!(several(&filter, "year").as_deref(), Some("2019,2021-2023"));
        assert_eq!(several(&filter, "venue").as_deref(), Some("\"Ice, Snow\",Lancet"));
        assert_eq!(several(&json!({"must": [{"should": [{"author": "x"}]}]}), "year"), None);
        let names: Vec<&str> = fields(conditions_of).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["categories", "filter"]);
        // A facet is counted as if nothing of it was chosen.
        let others = conditions(&params, Some(FacetField::Year)).filter.unwrap();
        assert_eq!(several(&others, "year").as_deref(), Some(""));
        assert_eq!(chosen(&params), [FacetField::Year, FacetField::Categories, FacetField::Venue]);
        let region = Params { region: " 0.0_9.0_0.9".to_owned(), ..params.clone() };
        let filter = conditions(&region, None).filter.unwrap();
        assert!(cognate_wire::filter_of(&filter).unwrap().has_region());
        let told = ["region", "year"].map(|name| several(&filter, name));
        assert_eq!(told.map(Option::unwrap_or_default), ["0.0_9.0_0.9", "2019,2021-2023"]);
        let one = conditions(&Params { year: "2020-".to_owned(), ..Params::default() }, None);
        assert_eq!((one.year.as_deref(), one.filter), (Some("2020-"), None));
    }

    #[test]
    fn values_are_chosen_and_taken_away() {
        let params = Params { year: "2019".to_owned(), ..Params::default() };
        let facet =
            Facet { field: FacetField::Year, counts: counts(&[("2019", 4), ("2021", 8), ("2020", 1)]) };
        let years = Facets::new(&params, &[facet]).years.unwrap();
        let told: Vec<(&str, &str, bool)> =
            years.bars.iter().map(|bar| (bar.label.as_str(), bar.href.as_str(), bar.is_on)).collect();
        assert_eq!(
            told,
            [
                ("2019: 4 papers", "/search", true),
                ("2020: 1 paper", "/search?year=2019%2C2020", false),
                ("2021: 8 papers", "/search?year=2019%2C2021", false)
            ]
        );
        assert_eq!((years.first, years.last, years.width), (2019, 2021, 30));
        assert_eq!(chips(&params)[0].href, "/search");
    }

    #[test]
    fn many_years_share_bars() {
        let params = Params { year: "-1950".to_owned(), ..Params::default() };
        let years =
            Years::new(&params, &counts(&[("1901", 1), ("1955", 3), ("2024", 9), ("none", 2)])).unwrap();
        assert_eq!((years.step, years.first, years.last), (5, 1900, 2024));
        assert_eq!(years.bars.len(), 3);
        assert!(years.bars[0].is_on && !years.bars[1].is_on);
        assert_eq!(years.bars[1].label, "1955-1959: 3 papers");
        assert!(Years::new(&params, &counts(&[("2024", 9)])).is_none());
    }
}
