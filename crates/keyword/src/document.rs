//! What is indexed of a row.

/// The texts of a row. A field that is missing is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// Title.
    pub title: String,
    /// Abstract.
    pub abstract_text: String,
    /// Authors' names.
    pub authors: Vec<String>,
    /// Subject categories or keywords.
    pub categories: Vec<String>,
    /// Journal, conference or other venue.
    pub venue: String,
    /// Identifiers, in any form.
    pub identifiers: Vec<String>,
}

/// A field of a [`Document`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// [`Document::title`].
    Title,
    /// [`Document::abstract_text`].
    Abstract,
    /// [`Document::authors`].
    Authors,
    /// [`Document::categories`].
    Categories,
    /// [`Document::venue`].
    Venue,
    /// [`Document::identifiers`].
    Identifiers,
}

impl Field {
    /// Every field, in the order in which their parts of a score are added.
    pub const ALL: [Self; 6] =
        [Self::Title, Self::Abstract, Self::Authors, Self::Categories, Self::Venue, Self::Identifiers];

    /// The field's name, as in the files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Abstract => "abstract",
            Self::Authors => "authors",
            Self::Categories => "categories",
            Self::Venue => "venue",
            Self::Identifiers => "identifiers",
        }
    }
}

impl Document {
    /// The texts of a field.
    pub(crate) fn texts(&self, field: Field) -> &[String] {
        let one = std::slice::from_ref;
        match field {
            Field::Title => one(&self.title),
            Field::Abstract => one(&self.abstract_text),
            Field::Authors => &self.authors,
            Field::Categories => &self.categories,
            Field::Venue => one(&self.venue),
            Field::Identifiers => &self.identifiers,
        }
    }
}
