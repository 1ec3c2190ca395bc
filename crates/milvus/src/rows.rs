//! Fields of papers as a server gave them, which may be anything.

use std::collections::BTreeMap;

use crate::messages::{
    FieldData, FloatArray, ScalarField, Scalars, SparseFloatArray, Values, VectorField, Vectors,
    sparse_of_bytes,
};

/// Why a value cannot be used.
pub(crate) type Malformed = String;

/// Some fields of some papers.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    fields: Vec<FieldData>,
    n: usize,
}

/// The fields of one paper.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'r> {
    rows: &'r Rows,
    at: usize,
}

impl Rows {
    /// The fields of `n` papers.
    pub(crate) fn new(fields: Vec<FieldData>, n: usize) -> Self {
        Self { fields, n }
    }

    /// The same of as many papers as the text field `name` has values for.
    pub(crate) fn counted_by(name: &str, fields: Vec<FieldData>) -> Self {
        let of_field = fields.iter().find(|field| field.field_name == name);
        let n = match of_field.and_then(scalars) {
            Some(Scalars::Strings(texts)) => texts.data.len(),
            _ => 0,
        };
        Self { fields, n }
    }

    pub(crate) fn len(&self) -> usize {
        self.n
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.n).map(|at| Row { rows: self, at })
    }

    fn field(&self, name: &str) -> Result<&FieldData, Malformed> {
        let field = self.fields.iter().find(|field| field.field_name == name);
        field.ok_or_else(|| format!("it left out the field {name}"))
    }
}

fn scalars(field: &FieldData) -> Option<&Scalars> {
    match &field.values {
        Some(Values::Scalars(ScalarField { data })) => data.as_ref(),
        _ => None,
    }
}

impl<'r> Row<'r> {
    fn scalars(self, name: &str) -> Result<&'r Scalars, Malformed> {
        scalars(self.rows.field(name)?).ok_or_else(|| format!("its field {name} has no values"))
    }

    fn vectors(self, name: &str) -> Result<&'r VectorField, Malformed> {
        match &self.rows.field(name)?.values {
            Some(Values::Vectors(vectors)) => Ok(vectors),
            _ => Err(format!("its field {name} has no vectors")),
        }
    }

    pub(crate) fn text(self, name: &str) -> Result<&'r str, Malformed> {
        match self.scalars(name)? {
            Scalars::Strings(texts) => texts.data.get(self.at).map(String::as_str),
            _ => None,
        }
        .ok_or_else(|| format!("its field {name} is no text"))
    }

    pub(crate) fn number(self, name: &str) -> Result<i64, Malformed> {
        match self.scalars(name)? {
            Scalars::Longs(numbers) => numbers.data.get(self.at).copied(),
            _ => None,
        }
        .ok_or_else(|| format!("its field {name} is no number"))
    }

    pub(crate) fn flag(self, name: &str) -> Result<bool, Malformed> {
        match self.scalars(name)? {
            Scalars::Bools(flags) => flags.data.get(self.at).copied(),
            _ => None,
        }
        .ok_or_else(|| format!("its field {name} is neither true nor false"))
    }

    pub(crate) fn texts(self, name: &str) -> Result<&'r [String], Malformed> {
        let list = match self.scalars(name)? {
            Scalars::Arrays(lists) => lists.data.get(self.at),
            _ => None,
        };
        match list.map(|list| &list.data) {
            Some(Some(Scalars::Strings(texts))) => Ok(&texts.data),
            // A list of nothing has no kind.
            Some(None) => Ok(&[]),
            _ => Err(format!("its field {name} is no list of texts")),
        }
    }

    /// A vector of numbers.
    pub(crate) fn vector(self, name: &str) -> Result<&'r [f32], Malformed> {
        let vectors = self.vectors(name)?;
        let dim = usize::try_from(vectors.dim).ok();
        let vector = match (&vectors.data, dim) {
            (Some(Vectors::Floats(FloatArray { data })), Some(dim)) => {
                let start = self.at.checked_mul(dim);
                start.and_then(|start| data.get(start..start.checked_add(dim)?))
            }
            _ => None,
        };
        vector.ok_or_else(|| format!("its field {name} is no vector"))
    }

    /// A vector of few components.
    pub(crate) fn sparse(self, name: &str) -> Result<BTreeMap<u32, f32>, Malformed> {
        let bytes = match &self.vectors(name)?.data {
            Some(Vectors::Sparse(SparseFloatArray { contents, .. })) => contents.get(self.at),
            _ => None,
        };
        let vector = bytes.and_then(|bytes| sparse_of_bytes(bytes));
        vector.ok_or_else(|| format!("its field {name} is no sparse vector"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_they_are_written() {
        let sparse = BTreeMap::from([(3, 0.5)]);
        let fields = vec![
            FieldData::texts("id", vec!["a".to_owned(), "b".to_owned()]),
            FieldData::numbers("year", vec![2001, -7]),
            FieldData::flags("has", vec![true, false]),
            FieldData::lists_of_texts("list", vec![vec!["x".to_owned()], Vec::new()]),
            FieldData::vectors("vector", 2, &[vec![0.0, 1.0], vec![1.0, 0.0]]),
            FieldData::sparse("sparse", &[sparse.clone(), BTreeMap::new()]),
        ];
        let rows = Rows::counted_by("id", fields);
        let [first, second] = rows.iter().collect::<Vec<_>>()[..] else { panic!("{rows:?}") };
        assert_eq!((first.text("id"), second.text("id")), (Ok("a"), Ok("b")));
        assert_eq!((first.number("year"), second.flag("has")), (Ok(2001), Ok(false)));
        assert_eq!(first.texts("list").unwrap(), ["x"]);
        assert!(second.texts("list").unwrap().is_empty());
        assert_eq!(second.vector("vector").unwrap(), [1.0, 0.0]);
        assert_eq!((first.sparse("sparse"), second.sparse("sparse")), (Ok(sparse), Ok(BTreeMap::new())));
    }

    #[test]
    fn what_is_something_else_is_told() {
        let short = FieldData::vectors("vector", 3, &[vec![0.0]]);
        let fields = vec![FieldData::texts("id", vec!["a".to_owned()]), short, FieldData::default()];
        let rows = Rows::new(fields, 2);
        let row = rows.iter().nth(1).unwrap();
        assert!(row.text("id").is_err() && row.number("id").is_err() && row.flag("id").is_err());
        assert!(row.texts("id").is_err() && row.vector("vector").is_err() && row.sparse("vector").is_err());
        assert!(row.text("none").is_err() && row.text("").is_err() && row.vector("id").is_err());
    }
}
