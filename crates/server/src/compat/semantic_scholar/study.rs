//! This service's fields of study, and the categories of papers that are of them: arXiv's.

/// A field, and the archives of arXiv in it.
const STUDIES: [(&str, &[&str]); 8] = [
    ("Computer Science", &["cs"]),
    ("Mathematics", &["math", "stat", "math-ph"]),
    (
        "Physics",
        &[
            "physics", "astro-ph", "cond-mat", "gr-qc", "hep-ex", "hep-lat", "hep-ph", "hep-th", "math-ph",
            "nlin", "nucl-ex", "nucl-th", "quant-ph",
        ],
    ),
    ("Biology", &["q-bio"]),
    ("Economics", &["econ"]),
    ("Business", &["q-fin"]),
    ("Engineering", &["eess"]),
    ("Materials Science", &["cond-mat.mtrl-sci"]),
];

/// The categories that a field of study stands for: itself, as papers may have it, and the archives in it.
pub(super) fn categories_of(study: &str) -> Vec<String> {
    let known = STUDIES.iter().find(|(name, _)| name.eq_ignore_ascii_case(study));
    let archives = known.into_iter().flat_map(|(_, archives)| archives.iter().copied());
    std::iter::once(study).chain(archives).map(str::to_owned).collect()
}

/// The fields of study of a paper: by the categories that are known to be in one, and the other categories as they are.
pub(super) fn studies_of(categories: &[String]) -> Vec<String> {
    let mut studies: Vec<String> = Vec::new();
    for category in categories {
        let is_in = |archive: &str| {
            category.strip_prefix(archive).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let named: Vec<&str> = STUDIES
            .iter()
            .filter(|(_, archives)| archives.iter().any(|archive| is_in(archive)))
            .map(|(name, _)| *name)
            .collect();
        let named = if named.is_empty() { vec![category.as_str()] } else { named };
        for study in named {
            if !studies.iter().any(|known| known == study) {
                studies.push(study.to_owned());
            }
        }
    }
    studies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_study_are_those_of_categories() {
        let studies = |categories: &[&str]| {
            studies_of(&categories.iter().map(|category| (*category).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(studies(&["cs.CL", "cs.LG", "stat.ML"]), ["Computer Science", "Mathematics"]);
        assert_eq!(studies(&["math-ph"]), ["Mathematics", "Physics"]);
        assert_eq!(studies(&["cond-mat.mtrl-sci"]), ["Physics", "Materials Science"]);
        assert_eq!(studies(&["csx", "Marine Biology"]), ["csx", "Marine Biology"]);
        assert_eq!(categories_of("computer science"), ["computer science", "cs"]);
        assert_eq!(categories_of("math.AG"), ["math.AG"]);
    }
}
