//! JSON: a paper as [`Paper`] serialises, with its score behind the other fields. Nothing is changed or
//! left out; read back, the score is in `extra`.

use std::io::{self, Write};

use serde::Serialize;

use crate::paper::Paper;

#[derive(Serialize)]
struct Record<'a> {
    #[serde(flatten)]
    paper: &'a Paper,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
}

pub(super) fn write(out: &mut impl Write, paper: &Paper, score: Option<f32>) -> io::Result<()> {
    Ok(serde_json::to_writer(out, &Record { paper, score })?)
}
