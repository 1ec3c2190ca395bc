//! The forward pass of candle-transformers in f32: the reference that ours is tested against.

use candle_core::{Device, Tensor};
use candle_transformers::models::bert::{BertModel, Config, HiddenAct, PositionEmbeddingType};

use crate::config::{Activation, BertShape, ModelConfig, Pooling};
use crate::weights::{open, unusable};
use crate::{EmbedError, ModelFolder};

/// A BERT in f32.
pub(crate) struct CandleBert {
    model: BertModel,
    pooling: Pooling,
    hidden_size: usize,
}

impl CandleBert {
    /// Reads the weights, in whatever floating-point type they were published.
    pub(crate) fn load(folder: &ModelFolder, config: &ModelConfig) -> Result<Self, EmbedError> {
        let (tensors, _) = open(folder, config)?;
        let model = BertModel::load(tensors, &candle_config(&config.bert))
            .map_err(|source| unusable(folder, &config.weights_path, source))?;
        Ok(Self { model, pooling: config.pooling, hidden_size: config.bert.hidden_size })
    }

    /// Pooled vectors of some texts, `f32 [n_texts, hidden_size]`, not normalised. A text is its token
    /// ids, at least one; the others of the batch do not change its vector beyond rounding.
    pub(crate) fn forward(&self, batch: &[&[u32]]) -> candle_core::Result<Vec<Vec<f32>>> {
        let longest = batch.iter().map(|ids| ids.len()).max().unwrap_or_default();
        if longest == 0 {
            return Ok(Vec::new());
        }
        let shape = (batch.len(), longest);
        // What stands in the padding is masked away, so any id will do.
        let padded = |fill: &dyn Fn(&[u32]) -> Vec<u32>| {
            let mut rows = Vec::with_capacity(batch.len() * longest);
            for ids in batch {
                rows.extend(fill(ids));
                rows.resize(rows.len() + longest - ids.len(), 0);
            }
            Tensor::from_vec(rows, shape, &Device::Cpu)
        };
        let ids = padded(&<[u32]>::to_vec)?;
        let mask = padded(&|ids| vec![1; ids.len()])?;
        let hidden = self.model.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
        let hidden = hidden.flatten_all()?.to_vec1::<f32>()?;
        let texts = hidden.chunks_exact(longest * self.hidden_size).zip(batch);
        Ok(texts.map(|(rows, ids)| self.pool(&rows[..ids.len() * self.hidden_size])).collect())
    }

    /// `[n_tokens, hidden_size]` to `[hidden_size]`.
    fn pool(&self, rows: &[f32]) -> Vec<f32> {
        match self.pooling {
            Pooling::Cls => rows[..self.hidden_size].to_vec(),
            Pooling::Mean => {
                let mut sum = vec![0.0_f32; self.hidden_size];
                for row in rows.chunks_exact(self.hidden_size) {
                    for (sum, x) in sum.iter_mut().zip(row) {
                        *sum += x;
                    }
                }
                let n_tokens = (rows.len() / self.hidden_size) as f32;
                sum.iter_mut().for_each(|sum| *sum /= n_tokens);
                sum
            }
        }
    }
}

fn candle_config(shape: &BertShape) -> Config {
    Config {
        vocab_size: shape.vocab_size,
        hidden_size: shape.hidden_size,
        num_hidden_layers: shape.n_layers,
        num_attention_heads: shape.n_heads,
        intermediate_size: shape.intermediate_size,
        hidden_act: match shape.activation {
            Activation::Gelu => HiddenAct::Gelu,
            Activation::GeluTanh => HiddenAct::GeluApproximate,
            Activation::Relu => HiddenAct::Relu,
        },
        max_position_embeddings: shape.max_positions,
        type_vocab_size: shape.n_token_types,
        layer_norm_eps: shape.layer_norm_eps,
        position_embedding_type: PositionEmbeddingType::Absolute,
        // None of these has a part in inference.
        hidden_dropout_prob: 0.0,
        initializer_range: 0.0,
        pad_token_id: 0,
        use_cache: false,
        classifier_dropout: None,
        model_type: None,
    }
}
