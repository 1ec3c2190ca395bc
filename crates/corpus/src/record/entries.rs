//! A record's fields while they are read one by one.

use serde_json::{Map, Value};

use crate::error::{FieldIssue, Place, RecordError};
use crate::fields::fold_name;
use crate::reading::Reading;
use crate::structure::inner_record;
use crate::values::{is_blank, member};

/// A record's fields while they are read one by one: what has been read is taken out, and what is left
/// at the end goes to `extra`.
pub(super) struct Fields<'a> {
    /// Neither nulls nor blank strings: they say nothing.
    pub(super) entries: Vec<Entry>,
    pub(super) extra: Map<String, Value>,
    pub(super) warnings: Vec<FieldIssue>,
    pub(super) place: &'a Place,
    /// The record's own id, once read, for errors.
    pub(super) id: Option<String>,
}

/// A value that is wrapped in an object of its own, `{"value": …}`, as OpenReview has them.
fn alone(value: Value) -> Value {
    match value {
        Value::Object(mut members) if members.len() == 1 && members.contains_key("value") => {
            members.remove("value").unwrap_or_default()
        }
        value => value,
    }
}

/// One field.
pub(super) struct Entry {
    /// The name as aliases spell it: see [`fold_name`].
    pub(super) key: String,
    /// The name that the record gives it.
    pub(super) name: String,
    pub(super) value: Value,
    /// Whether it is a field, and not a member of one.
    pub(super) is_whole: bool,
}

impl<'a> Fields<'a> {
    pub(super) fn new(record: Map<String, Value>, place: &'a Place) -> Self {
        let mut fields =
            Self { entries: Vec::new(), extra: Map::new(), warnings: Vec::new(), place, id: None };
        // An envelope's own fields come behind those of the record in it.
        let (inner, record) = inner_record(record);
        for (name, value) in inner.into_iter().chain(record) {
            match alone(value) {
                // Our own output keeps further fields in `extra`: they return to where they were.
                Value::Object(members) if name == "extra" => {
                    fields.extra.extend(members.into_iter().filter(|(_, value)| !is_blank(value)));
                }
                value if is_blank(&value) => {}
                value => fields.entries.push(Entry { key: fold_name(&name), name, value, is_whole: true }),
            }
        }
        fields.settle_ids();
        fields.settle_hal();
        fields
    }

    /// The value of the first field among `aliases` that `read` finds one in.
    pub(super) fn first<T>(&mut self, aliases: &[&str], read: impl Fn(&Value) -> Reading<T>) -> Option<T> {
        for alias in aliases {
            while let Some(entry) = self.take(alias) {
                let reading = read(&entry.value);
                if let Some(message) = reading.warning {
                    self.warn(&entry.name, message);
                }
                let is_whole = entry.is_whole;
                if reading.keep_raw {
                    self.restore(entry);
                }
                if reading.value.is_some() {
                    return reading.value;
                }
                // A member of a field is there still.
                if !is_whole {
                    break;
                }
            }
        }
        None
    }

    /// The different values of all fields among `aliases`, each of which has several.
    pub(super) fn every(
        &mut self,
        aliases: &[&str],
        read: impl Fn(&Value) -> Reading<Vec<String>>,
    ) -> Vec<String> {
        let mut values = Vec::new();
        for alias in aliases {
            while let Some(found) = self.first(&[alias], &read) {
                for value in found {
                    if !values.contains(&value) {
                        values.push(value);
                    }
                }
                // A member of a field is there still.
                if alias.contains('.') {
                    break;
                }
            }
        }
        values
    }

    /// What no field of the paper holds, and the warnings.
    pub(super) fn finish(mut self) -> (Map<String, Value>, Vec<FieldIssue>) {
        for Entry { name, value, .. } in std::mem::take(&mut self.entries) {
            self.keep(&name, value);
        }
        (self.extra, self.warnings)
    }

    /// Takes out the field of a name. A name with dots is that of a column, or of a member of an object, which stays
    /// where it is.
    pub(super) fn take(&mut self, alias: &str) -> Option<Entry> {
        if let Some(position) = self.position(alias) {
            return Some(self.entries.remove(position));
        }
        let (name, value) = self.member(alias)?;
        let inner = Entry { key: alias.to_owned(), name, value: value.clone(), is_whole: false };
        Some(inner)
    }

    /// The value of the first field among `aliases`, which is left where it is.
    pub(super) fn peek(&self, aliases: &[&str]) -> Option<&Value> {
        aliases.iter().find_map(|alias| match self.position(alias) {
            Some(position) => Some(&self.entries[position].value),
            None => self.member(alias).map(|(_, value)| value),
        })
    }

    /// Where the field of a name is. Its dots count as nothing.
    fn position(&self, alias: &str) -> Option<usize> {
        let n_dots = alias.bytes().filter(|byte| *byte == b'.').count();
        self.entries.iter().position(|entry| {
            entry.key.len() + n_dots == alias.len()
                && if n_dots == 0 {
                    entry.key == alias
                } else {
                    alias.split('.').flat_map(str::chars).eq(entry.key.chars())
                }
        })
    }

    /// The member of a field that a name with dots says, and the name that the record gives it.
    fn member(&self, alias: &str) -> Option<(String, &Value)> {
        let (outer, path) = alias.split_once('.')?;
        let entry = self.entries.iter().find(|entry| entry.key == outer)?;
        let mut value = &entry.value;
        for name in path.split('.') {
            value = match value {
                Value::Array(list) => list.first()?,
                value => value,
            };
            value = member(value.as_object()?, name)?;
        }
        (!is_blank(value)).then(|| (format!("{}.{path}", entry.name), value))
    }

    /// Puts a field back to where it was: what it says is not all read.
    pub(super) fn restore(&mut self, entry: Entry) {
        if entry.is_whole {
            self.keep(&entry.name, entry.value);
        }
    }

    /// Keeps a raw value in `extra`, under another name where its own is taken by another value.
    pub(super) fn keep(&mut self, name: &str, value: Value) {
        let mut free_name = name.to_owned();
        let mut n = 1;
        while self.extra.get(&free_name).is_some_and(|kept| *kept != value) {
            n += 1;
            free_name = format!("{name}_{n}");
        }
        self.extra.insert(free_name, value);
    }

    pub(super) fn warn(&mut self, name: &str, message: String) {
        self.warnings.push(FieldIssue { place: self.place.clone(), field: name.to_owned(), message });
    }

    pub(super) fn check_size(
        &self,
        field: &str,
        size: usize,
        (limit, unit): (usize, &str),
    ) -> Result<(), RecordError> {
        if size <= limit {
            return Ok(());
        }
        Err(self.error(field, format!("expected at most {limit} {unit}, found {size}")))
    }

    pub(super) fn error(&self, field: &str, message: impl Into<String>) -> RecordError {
        let whole = RecordError::whole(self.place, message);
        RecordError { id: self.id.clone(), field: Some(field.to_owned()), ..whole }
    }
}
