//! Downloading models from the Hugging Face hub, verified and resumable.
