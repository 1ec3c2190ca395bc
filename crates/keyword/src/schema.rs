//! What tantivy keeps of a document: for each field its terms with their positions and its length, and
//! the row. No text is stored.

use tantivy::TantivyDocument;
use tantivy::Term;
use tantivy::schema::{
    Field as TantivyField, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{Token, TokenStream, Tokenizer, TokenizerManager};

use crate::analysis;
use crate::document::{Document, Field};

/// The version of what this module defines, kept with each index.
pub(crate) const VERSION: u32 = 2;

const TOKENIZER: &str = "cognate";
const SPELLINGS: &str = "spellings";
const ROW: &str = "row";

/// Fields whose words others are corrected to.
const SPELLED: [Field; 4] = [Field::Title, Field::Abstract, Field::Authors, Field::Venue];

/// The schema: the six text fields in order of [`Field::ALL`], the words as they are spelled, then the row.
pub(crate) fn schema() -> Schema {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(TOKENIZER)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions)
        .set_fieldnorms(true);
    let text = TextOptions::default().set_indexing_options(indexing);
    let mut schema = Schema::builder();
    for field in Field::ALL {
        schema.add_text_field(field.name(), text.clone());
    }
    let spellings = TextFieldIndexing::default()
        .set_tokenizer(SPELLINGS)
        .set_index_option(IndexRecordOption::Basic)
        .set_fieldnorms(false);
    schema.add_text_field(SPELLINGS, TextOptions::default().set_indexing_options(spellings));
    schema.add_u64_field(ROW, NumericOptions::default().set_indexed().set_fast());
    schema.build()
}

/// The name of the column of rows.
pub(crate) fn row_column() -> &'static str {
    ROW
}

/// tantivy's number of a field: they are given in the order of the schema.
pub(crate) fn number_of(field: Field) -> TantivyField {
    TantivyField::from_field_id(field as u32)
}

/// tantivy's number of the field of spellings.
pub(crate) fn number_of_spellings() -> TantivyField {
    TantivyField::from_field_id(Field::ALL.len() as u32)
}

/// The term by which a row is deleted.
pub(crate) fn row_term(row: u32) -> Term {
    Term::from_field_u64(row_number(), u64::from(row))
}

/// A term of a text field.
pub(crate) fn text_term(field: Field, term: &str) -> Term {
    Term::from_field_text(number_of(field), term)
}

/// A document for tantivy, which analyses it on its own threads.
pub(crate) fn tantivy_document(row: u32, document: &Document) -> TantivyDocument {
    let mut made = TantivyDocument::default();
    made.add_u64(row_number(), u64::from(row));
    for field in Field::ALL {
        for text in document.texts(field).iter().filter(|text| !text.is_empty()) {
            made.add_text(number_of(field), text);
        }
    }
    for text in SPELLED.iter().flat_map(|field| document.texts(*field)).filter(|text| !text.is_empty()) {
        made.add_text(number_of_spellings(), text);
    }
    made
}

/// The analysis, under the name that the schema gives it.
pub(crate) fn tokenizers() -> TokenizerManager {
    let tokenizers = TokenizerManager::default();
    tokenizers.register(TOKENIZER, Analyzer);
    tokenizers.register(SPELLINGS, Speller);
    tokenizers
}

fn row_number() -> TantivyField {
    TantivyField::from_field_id(Field::ALL.len() as u32 + 1)
}

#[derive(Clone)]
struct Analyzer;

impl Tokenizer for Analyzer {
    type TokenStream<'a> = Tokens;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Tokens {
        let (tokens, _) = analysis::analyze(text);
        Tokens { tokens: tokens.into_iter(), current: Token::default() }
    }
}

#[derive(Clone)]
struct Speller;

impl Tokenizer for Speller {
    type TokenStream<'a> = Tokens;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Tokens {
        let spellings = analysis::spellings(text).into_iter().map(analysis::Token::of_spelling);
        Tokens { tokens: spellings.collect::<Vec<_>>().into_iter(), current: Token::default() }
    }
}

/// The tokens of one text.
struct Tokens {
    tokens: std::vec::IntoIter<analysis::Token>,
    current: Token,
}

impl TokenStream for Tokens {
    fn advance(&mut self) -> bool {
        let Some(token) = self.tokens.next() else { return false };
        self.current = Token {
            offset_from: token.start,
            offset_to: token.end,
            position: token.position as usize,
            text: token.term,
            position_length: 1,
        };
        true
    }

    fn token(&self) -> &Token {
        &self.current
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.current
    }
}
