//! What is computed from one generation and kept until the next.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A slot for each type of what is kept. The engine has one, so that it need not know what the modules above it
/// keep in theirs.
#[derive(Default)]
pub(crate) struct Kept(Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Kept {
    /// The slot of this type, empty at the first call.
    pub(crate) fn slot<T: Any + Send + Sync + Default>(&self) -> Arc<T> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        // A slot always has the type that is its key.
        Arc::clone(slot).downcast().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_slot_of_its_own() {
        let kept = Kept::default();
        *kept.slot::<Mutex<u32>>().lock().unwrap() = 7;
        kept.slot::<Mutex<String>>().lock().unwrap().push('x');
        assert_eq!(*kept.slot::<Mutex<u32>>().lock().unwrap(), 7);
        assert_eq!(*kept.slot::<Mutex<String>>().lock().unwrap(), "x");
    }
}
