//! The values that parameters take, for the document of the interface alone: they are read by the engine's own types.

use utoipa::ToSchema;

/// How searches rank.
#[derive(Debug, ToSchema)]
#[schema(as = Mode, rename_all = "snake_case")]
pub enum ModeName {
    /// By meaning and by words.
    Hybrid,
    /// By meaning.
    Semantic,
    /// By words.
    Keyword,
}

/// The order of a list.
#[derive(Debug, ToSchema)]
#[schema(as = Sort, rename_all = "snake_case")]
pub enum SortName {
    /// The best first.
    Relevance,
    /// The newest first.
    Newest,
}

/// What of one work's publications is shown.
#[derive(Debug, ToSchema)]
#[schema(as = WorkVersions, rename_all = "snake_case")]
pub enum VersionsName {
    /// All.
    All,
    /// One of each work.
    Collapse,
}

/// The forms of a list of papers.
#[derive(Debug, ToSchema)]
#[schema(as = ListFormat, rename_all = "kebab-case")]
pub enum FormatName {
    /// An array of records.
    Json,
    /// A record on each line.
    Jsonl,
    /// A table.
    Csv,
    /// BibTeX.
    Bibtex,
    /// RIS.
    Ris,
    /// EndNote's XML.
    EndnoteXml,
    /// CSL-JSON.
    Csl,
    /// An Atom feed.
    Atom,
}

/// What papers are counted by.
#[derive(Debug, ToSchema)]
#[schema(as = Facet, rename_all = "snake_case")]
pub enum FacetName {
    /// Years.
    Year,
    /// Categories.
    Categories,
    /// Venues.
    Venue,
}

/// How recommended papers relate to their seeds.
#[derive(Debug, ToSchema)]
#[schema(as = Strategy, rename_all = "snake_case")]
pub enum StrategyName {
    /// Nearest to twice the mean of the positive seeds less that of the negative ones.
    AverageVector,
    /// By the nearest positive seed.
    BestScore,
    /// By the sum of cosines.
    SumScores,
}

/// Whether publications of one work in two places or years are duplicates.
#[derive(Debug, ToSchema)]
#[schema(as = DuplicateVersions, rename_all = "snake_case")]
pub enum DuplicateVersionsName {
    /// They are.
    Same,
    /// They are not.
    Distinct,
}

/// Which papers make a cluster.
#[derive(Debug, ToSchema)]
#[schema(as = Clusters, rename_all = "snake_case")]
pub enum ClustersName {
    /// Each member matches the paper that is kept.
    Complete,
    /// Members match in a chain.
    Connected,
}

/// What pairs are counted and sorted by.
#[derive(Debug, ToSchema)]
#[schema(as = PairScore, rename_all = "snake_case")]
pub enum PairScoreName {
    /// The probability of a duplicate.
    Probability,
    /// The cosine.
    Score,
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use cognate_corpus::export::ExportFormat;
    use cognate_engine::{ClusterMode, FacetField, Mode, PairScore, Shown, Sort, Strategy, Versions};
    use serde_json::Value;
    use utoipa::PartialSchema;

    use super::*;

    /// Every name in the document is one that the reader of the parameter takes.
    fn check<Name: PartialSchema, Read: FromStr>(n_names: usize) {
        let schema = serde_json::to_value(Name::schema()).unwrap();
        let names = schema["enum"].as_array().unwrap();
        assert_eq!(names.len(), n_names);
        for name in names.iter().filter_map(Value::as_str) {
            assert!(name.parse::<Read>().is_ok(), "{name}");
        }
    }

    #[test]
    fn names_in_the_document_are_read() {
        check::<ModeName, Mode>(3);
        check::<SortName, Sort>(2);
        check::<VersionsName, Shown>(2);
        check::<FormatName, ExportFormat>(ExportFormat::ALL.len());
        check::<FacetName, FacetField>(3);
        check::<StrategyName, Strategy>(3);
        check::<DuplicateVersionsName, Versions>(2);
        check::<ClustersName, ClusterMode>(2);
        check::<PairScoreName, PairScore>(2);
    }
}
