//! The texts that some published models expect before a query or a passage.
//!
//! Only newer models say so themselves, under `prompts` in `config_sentence_transformers.json`; for the others
//! it stands in prose on the model's page. Without its prefix such a model answers, but worse, and nothing
//! looks wrong: so a pull writes it into the manifest for the families we know.

/// The query and the passage prefix of `repository` (`OWNER/NAME`), empty where its page asks for none.
pub(crate) fn of_repository(repository: &str) -> (String, String) {
    const FOR_RETRIEVAL: &str = "Represent this sentence for searching relevant passages: ";
    let (owner, name) = repository.split_once('/').unwrap_or_default();
    // See <https://huggingface.co/intfloat/e5-small-v2>, <https://huggingface.co/BAAI/bge-small-en-v1.5>,
    // <https://huggingface.co/Snowflake/snowflake-arctic-embed-xs> and
    // <https://huggingface.co/mixedbread-ai/mxbai-embed-large-v1>.
    let e5 = owner == "intfloat" && name.starts_with("e5-") && !name.contains("instruct");
    let bge = owner == "BAAI" && name.starts_with("bge-") && name.contains("-en");
    let arctic = owner == "Snowflake" && name.starts_with("snowflake-arctic-embed-") && !name.contains("-v2");
    let mxbai = owner == "mixedbread-ai" && name == "mxbai-embed-large-v1";
    let (query, passage) = if e5 {
        ("query: ", "passage: ")
    } else if bge || arctic || mxbai {
        (FOR_RETRIEVAL, "")
    } else {
        ("", "")
    };
    (query.to_owned(), passage.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families() {
        let check = |repository: &str, query: &str, passage: &str| {
            assert_eq!(of_repository(repository), (query.to_owned(), passage.to_owned()), "{repository}");
        };
        let instruction = "Represent this sentence for searching relevant passages: ";
        check("intfloat/e5-small-v2", "query: ", "passage: ");
        check("BAAI/bge-small-en-v1.5", instruction, "");
        check("Snowflake/snowflake-arctic-embed-xs", instruction, "");
        check("mixedbread-ai/mxbai-embed-large-v1", instruction, "");
        check("thenlper/gte-small", "", "");
        check("sentence-transformers/all-MiniLM-L6-v2", "", "");
        check("BAAI/bge-reranker-base", "", "");
        check("someone/e5-small-v2", "", "");
    }
}
