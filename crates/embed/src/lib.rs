//! Sentence embeddings on the CPU: texts to unit vectors.
