//! What is computed from one generation and kept until the next.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is kept of one kind at the most; the oldest goes first.
const MAX_KEPT: usize = 16;

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

/// Has one thread make what many ask for at the same time: gives what `find` knows, or what is made once the caller is
/// `alone`.
pub(crate) fn made_once<T, E, Guard>(
    find: impl Fn() -> Option<T>,
    alone: impl FnOnce() -> Guard,
    make: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    if let Some(known) = find() {
        return Ok(known);
    }
    let _one_at_a_time = alone();
    // It may have been made while this thread waited.
    find().map_or_else(make, Ok)
}

/// What was made lately, each with its generation and what was asked.
#[derive(Debug)]
pub(crate) struct Lately<Asked, Made> {
    kept: Mutex<Vec<(u64, Asked, Made)>>,
    /// Held while something is made: who asks meanwhile waits, and mostly for the same.
    making: Mutex<()>,
}

impl<Asked, Made> Default for Lately<Asked, Made> {
    fn default() -> Self {
        Self { kept: Mutex::default(), making: Mutex::default() }
    }
}

impl<Asked: Clone + PartialEq, Made: Clone> Lately<Asked, Made> {
    /// What was made for this, or is made now; it is kept unless it is large.
    pub(crate) fn made<E>(
        &self,
        (generation, asked): (u64, &Asked),
        is_large: bool,
        make: impl FnOnce() -> Result<Made, E>,
    ) -> Result<Made, E> {
        let find = || {
            let mut kept = lock(&self.kept);
            kept.retain(|(of, ..)| *of >= generation);
            let is_it = |(of, known, _): &&(u64, Asked, Made)| *of == generation && known == asked;
            kept.iter().find(is_it).map(|(.., made)| made.clone())
        };
        made_once(
            find,
            || lock(&self.making),
            || {
                let made = make()?;
                if !is_large {
                    let mut kept = lock(&self.kept);
                    if kept.len() == MAX_KEPT {
                        kept.remove(0);
                    }
                    kept.push((generation, asked.clone(), made.clone()));
                }
                Ok(made)
            },
        )
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is kept is put in whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_made_once_for_each_generation_and_question() {
        let lately = Lately::<u32, String>::default();
        let n_made = std::cell::Cell::new(0);
        let made = |generation: u64, asked: u32, is_large: bool| {
            let make = || {
                n_made.set(n_made.get() + 1);
                Ok::<_, ()>(format!("{generation} {asked}"))
            };
            assert_eq!(
                lately.made((generation, &asked), is_large, make).unwrap(),
                format!("{generation} {asked}")
            );
            n_made.get()
        };
        assert_eq!([made(1, 7, false), made(1, 7, false), made(1, 8, true), made(1, 8, true)], [1, 1, 2, 3]);
        assert_eq!([made(2, 7, false), made(2, 7, false)], [4, 4]);
        for asked in 0..MAX_KEPT as u32 {
            made(2, 100 + asked, false);
        }
        let n_before = n_made.get();
        assert_eq!(made(2, 7, false), n_before + 1, "the oldest went");
        assert!(lately.made((3, &1), false, || Err(())).is_err());
    }

    #[test]
    fn every_type_has_a_slot_of_its_own() {
        let kept = Kept::default();
        *kept.slot::<Mutex<u32>>().lock().unwrap() = 7;
        kept.slot::<Mutex<String>>().lock().unwrap().push('x');
        assert_eq!(*kept.slot::<Mutex<u32>>().lock().unwrap(), 7);
        assert_eq!(*kept.slot::<Mutex<String>>().lock().unwrap(), "x");
    }
}
