//! The catalogue that everybody reads while it changes.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::images::Catalogue;

/// The catalogue that everybody reads, and that a change replaces as a whole.
#[derive(Debug, Default)]
pub struct SharedCatalogue {
    current: RwLock<Arc<Catalogue>>,
    /// Held while a change is made: no change is lost to another one.
    changing: Mutex<()>,
}

impl SharedCatalogue {
    /// A shared catalogue.
    pub fn new(catalogue: Catalogue) -> Self {
        SharedCatalogue {
            current: RwLock::new(Arc::new(catalogue)),
            changing: Mutex::default(),
        }
    }

    /// The catalogue as it is now.
    pub fn get(&self) -> Arc<Catalogue> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }

    /// Replaces the catalogue with what `change` makes of it. Changes are made one after the other; nobody waits for them
    /// to read.
    ///
    /// # Errors
    /// Those of `change`; the catalogue stays as it was then.
    pub fn change<T, E>(
        &self,
        change: impl FnOnce(&Catalogue) -> Result<(Catalogue, T), E>,
    ) -> Result<T, E> {
        let turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.get();
        let (mut after, result) = change(&before)?;
        after.generation = before.generation + 1;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(after);
        drop(turn);
        Ok(result)
    }
}
