//! What to do about an error, in commands: libraries say what is wrong, and know no command line.

use cognate_engine::{EngineError, Remedy};

const DOCTOR: &str = "`cognate doctor` checks the store";

/// What helps against an error, where a command does.
pub(crate) fn for_error(error: &EngineError) -> Option<String> {
    Some(match error {
        EngineError::NoStore { .. } => for_remedy(&Remedy::IndexPapers),
        EngineError::NotAStore { .. } => for_remedy(&Remedy::AnotherFolder),
        EngineError::EmptiedStore { .. } => for_remedy(&Remedy::Restore),
        EngineError::DamagedRow { .. }
        | EngineError::DamagedId { .. }
        | EngineError::DamagedVector { .. } => DOCTOR.to_owned(),
        EngineError::Store(_) if error.is_about_store() => {
            format!("{DOCTOR}, and `cognate restore FILE` puts a backup in its place")
        }
        EngineError::ModelMismatch { stored, given } => format!(
            "use the store's own model (--model {} --precision {}), or embed all papers anew with `cognate reembed \
             --model {} --precision {}`",
            stored.name, stored.precision, given.name, given.precision
        ),
        EngineError::PaperDropped { id, .. } => format!("`cognate dedup undo --paper {id}` brings it back"),
        EngineError::RunNotFound { .. } => "`cognate dedup runs` lists those that were".to_owned(),
        EngineError::NoScoredPairs => "`cognate dedup` scores them".to_owned(),
        EngineError::SavedQueryNotFound { .. } => "`cognate saved list` shows them".to_owned(),
        EngineError::Interrupted => "the same command goes on from there".to_owned(),
        _ => return None,
    })
}

/// What helps, as the command that does it.
pub(crate) fn for_remedy(remedy: &Remedy) -> String {
    match remedy {
        Remedy::MadeAnew => {
            "nothing to do: the next search or `cognate serve` makes it anew from the store".to_owned()
        }
        Remedy::WasMadeAnew => "nothing to do now, but look after the disk".to_owned(),
        Remedy::IndexPapers => {
            "index papers with `cognate index FILE`, or name another folder with --data".to_owned()
        }
        Remedy::AnotherFolder => "name another folder with --data".to_owned(),
        Remedy::LaterRelease => "use the release of cognate that wrote the store, or a later one".to_owned(),
        Remedy::Restore => {
            "put a backup in its place with `cognate restore FILE`, or move papers.sqlite3 away and \
                            index the papers again"
                .to_owned()
        }
        Remedy::IndexAgain => {
            "index the files of these papers again, or put a backup in the store's place with \
                               `cognate restore FILE`"
                .to_owned()
        }
        Remedy::Reembed => "run `cognate reembed`".to_owned(),
        Remedy::ReembedWith(model) => format!("run `cognate reembed --model {model}`"),
        Remedy::StartEngine => "start the engine, or name another address with --engine".to_owned(),
        Remedy::AnotherModel => "use the model behind the vectors that are there, with --model".to_owned(),
        Remedy::PullModel(model) => {
            format!("run `cognate model pull {model}` or `scripts/fetch-model {model}`")
        }
    }
}
