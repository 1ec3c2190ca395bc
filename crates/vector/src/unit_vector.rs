//! A vector of norm 1, proven so when it was made.

use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::VectorError;
use crate::kernels::dot;

/// Norms below this cannot be normalised without losing the direction to rounding.
const MIN_NORM: f32 = 1e-12;
/// How far from 1 the norm of components that were normalised before can be by rounding.
const NORM_TOLERANCE: f64 = 1e-5;
/// Norms that rounding to f16 can give a vector of norm 1 (within 4.9e-4, half the spacing of f16),
/// close enough together that scaling by the nearest of them rounds to the same f16 components.
const F16_NORMS: [f32; 5] = [1.0, 1.0 - 2e-4, 1.0 + 2e-4, 1.0 - 4e-4, 1.0 + 4e-4];

/// An `f32 [dim]` vector of Euclidean norm 1 (within rounding) with finite components.
///
/// Making one validates and normalises, so later code computes cosine as a plain
/// [`dot`](crate::dot) product.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitVector(Box<[f32]>);

impl UnitVector {
    /// Normalises `components` (`f32 [dim]`, any norm) to norm 1.
    ///
    /// # Errors
    /// [`VectorError`] if it is empty, holds NaN or an infinity, or has no direction.
    pub fn normalize(mut components: Vec<f32>) -> Result<Self, VectorError> {
        if components.is_empty() {
            return Err(VectorError::Empty);
        }
        if let Some(position) = components.iter().position(|c| !c.is_finite()) {
            return Err(VectorError::NotFinite { position, value: components[position] });
        }
        // Scaled by the largest component first, so that squaring neither overflows nor vanishes.
        let largest = components.iter().fold(0.0_f32, |m, c| m.max(c.abs()));
        if largest < MIN_NORM {
            return Err(VectorError::NoDirection { norm: largest });
        }
        let norm = components.iter().map(|c| f64::from(c / largest).powi(2)).sum::<f64>().sqrt();
        for c in &mut components {
            *c = (f64::from(*c / largest) / norm) as f32;
        }
        Ok(Self(components.into_boxed_slice()))
    }

    /// Takes components that were a unit vector before, as they are: normalising them again could
    /// change their last bits, and with them the scores.
    ///
    /// # Errors
    /// [`VectorError`] if it is empty, holds NaN or an infinity, or its norm is not 1.
    pub fn from_unit(components: Vec<f32>) -> Result<Self, VectorError> {
        if components.is_empty() {
            return Err(VectorError::Empty);
        }
        if let Some(position) = components.iter().position(|c| !c.is_finite()) {
            return Err(VectorError::NotFinite { position, value: components[position] });
        }
        let norm = components.iter().map(|&c| f64::from(c).powi(2)).sum::<f64>().sqrt();
        if (norm - 1.0).abs() > NORM_TOLERANCE {
            return Err(VectorError::NotUnit { norm: norm as f32 });
        }
        Ok(Self(components.into_boxed_slice()))
    }

    /// Reads the form at rest: little-endian f16 `[dim]`. The result is normalised again, since
    /// rounding to f16 moves the norm by up to 5e-4; equal bytes give equal vectors.
    ///
    /// # Errors
    /// [`VectorError`] if the length is odd or the components are not a direction.
    pub fn from_f16_le_bytes(bytes: &[u8]) -> Result<Self, VectorError> {
        if !bytes.len().is_multiple_of(2) {
            return Err(VectorError::OddLength { len: bytes.len() });
        }
        let values: Vec<f16> =
            bytes.chunks_exact(2).map(|pair| f16::from_le_bytes([pair[0], pair[1]])).collect();
        Self::from_f16(&values)
    }

    /// As [`from_f16_le_bytes`](Self::from_f16_le_bytes), from values, f16 `[dim]`.
    ///
    /// # Errors
    /// [`VectorError`] if the values are not a direction.
    pub fn from_f16(values: &[f16]) -> Result<Self, VectorError> {
        let mut components = vec![0.0; values.len()];
        values.convert_to_f32_slice(&mut components);
        Self::normalize(components)
    }

    /// The form at rest: little-endian f16 `[dim]`, `2 * dim` bytes.
    #[must_use]
    pub fn to_f16_le_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|&c| f16::from_f32(c).to_le_bytes()).collect()
    }

    /// The vector that its form at rest gives back: what a process that reads it later will see. To
    /// write that one again so that it stays the same, use
    /// [`f16_le_bytes_of_rounded`](Self::f16_le_bytes_of_rounded).
    #[must_use]
    pub fn rounded_to_f16(&self) -> Self {
        // Cannot fail: the largest component of a unit vector is at least dim^-0.5, far above f16's
        // smallest number for any dimension that fits in memory. Were it to, the vector stays as it is.
        Self::from_f16_le_bytes(&self.to_f16_le_bytes()).unwrap_or_else(|_| self.clone())
    }

    /// Bytes from which [`from_f16_le_bytes`](Self::from_f16_le_bytes) gives exactly this vector, or
    /// `None` if no f16 vector does. There are such bytes for every vector that came from the form at
    /// rest, and they need not be [`to_f16_le_bytes`](Self::to_f16_le_bytes): the f16 components had
    /// a norm of up to 4.9e-4 from 1, and dividing by it can carry a component over to the next one.
    #[must_use]
    pub fn f16_le_bytes_of_rounded(&self) -> Option<Vec<u8>> {
        F16_NORMS.iter().find_map(|norm| {
            let bytes: Vec<u8> = self.0.iter().flat_map(|&c| f16::from_f32(c * norm).to_le_bytes()).collect();
            (Self::from_f16_le_bytes(&bytes).as_ref() == Ok(self)).then_some(bytes)
        })
    }

    /// The components, `f32 [dim]`.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// Number of components.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.0.len()
    }

    /// Cosine similarity to another unit vector of the same `dim`, in `[-1, 1]`; higher is closer.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f32 {
        dot(&self.0, &other.0).clamp(-1.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_a_direction_is_refused() {
        let check = |components: Vec<f32>, expected: VectorError| {
            assert_eq!(UnitVector::normalize(components), Err(expected));
        };
        check(vec![], VectorError::Empty);
        check(vec![0.0, 0.0], VectorError::NoDirection { norm: 0.0 });
        check(vec![1.0, f32::INFINITY], VectorError::NotFinite { position: 1, value: f32::INFINITY });
        assert!(matches!(
            UnitVector::normalize(vec![f32::NAN]),
            Err(VectorError::NotFinite { position: 0, .. })
        ));
        assert_eq!(UnitVector::from_f16_le_bytes(&[1, 2, 3]), Err(VectorError::OddLength { len: 3 }));
    }

    proptest! {
        #[test]
        fn any_direction_becomes_a_unit_vector(components in prop::collection::vec(-1e30_f32..1e30, 1..80)) {
            prop_assume!(components.iter().any(|c| c.abs() > 1e-6));
            let vector = UnitVector::normalize(components).unwrap();
            prop_assert!((vector.cosine(&vector) - 1.0).abs() < 1e-5);
            let again = UnitVector::from_f16_le_bytes(&vector.to_f16_le_bytes()).unwrap();
            prop_assert!(vector.cosine(&again) > 0.999);
        }

        /// Short vectors, whose norm rounding to f16 moves the most.
        #[test]
        fn what_was_read_from_f16_can_be_written_so_that_it_reads_the_same(
            components in prop::collection::vec(-1.0_f32..1.0, 1..24),
            scale in -12..0,
        ) {
            let mut components = components;
            components[0] *= 2_f32.powi(scale);
            prop_assume!(components.iter().any(|c| c.abs() > 1e-6));
            let rounded = UnitVector::normalize(components).unwrap().rounded_to_f16();
            let bytes = rounded.f16_le_bytes_of_rounded().unwrap();
            prop_assert_eq!(UnitVector::from_f16_le_bytes(&bytes).unwrap(), rounded.clone());
            prop_assert_eq!(UnitVector::from_unit(rounded.as_slice().to_vec()).unwrap(), rounded);
        }

        #[test]
        fn any_bytes_give_a_vector_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(vector) = UnitVector::from_f16_le_bytes(&bytes) {
                prop_assert!((vector.cosine(&vector) - 1.0).abs() < 1e-5);
            }
        }

        #[test]
        fn dot_agrees_with_a_plain_sum(a in prop::collection::vec(-1.0_f32..1.0, 0..100)) {
            let plain: f64 = a.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            prop_assert!((f64::from(dot(&a, &a)) - plain).abs() < 1e-4);
        }
    }
}
