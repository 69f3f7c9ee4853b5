//! What is made when it is first asked for, by one of those who ask.

use crate::problem::Result;
use std::sync::{Mutex, OnceLock, PoisonError};

/// A value that is made the first time; those who ask meanwhile wait for it instead of making another.
pub struct Once<T> {
    value: OnceLock<T>,
    making: Mutex<()>,
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self { value: OnceLock::new(), making: Mutex::new(()) }
    }
}

impl<T> Once<T> {
    /// The value, made by `make` if there is none. One that could not be made is tried again.
    pub fn get_or_make(&self, make: impl FnOnce() -> Result<T>) -> Result<&T> {
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let made = make()?;
        Ok(self.value.get_or_init(|| made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problem;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn many_ask_and_one_makes() {
        let (once, made) = (Once::default(), AtomicUsize::new(0));
        assert!(once.get_or_make(|| Err(Problem::bad_request("not yet"))).is_err());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let make = || {
                        std::thread::sleep(std::time::Duration::from_millis(10));
                        Ok(made.fetch_add(1, Ordering::Relaxed))
                    };
                    assert_eq!(*once.get_or_make(make).unwrap(), 0);
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
    }
}
