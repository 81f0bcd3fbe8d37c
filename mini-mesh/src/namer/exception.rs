//! Exceptions, in the JVM's sense.
//!
//! linkerd's namer dereferenced a null, the JVM threw, and the nearest `Future` caught it and became
//! a failed one; no process ended. The same happens here: [`dereference`] unwinds, and
//! [`non_fatal`] stands where Twitter's `Future` caught non-fatal exceptions. The unwinding begins
//! with `resume_unwind`, which does not call the panic hook: for the panic hook's reader a panic is
//! a bug or a crash, and this is neither. A panic of any other kind goes through.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// What the modelled program throws.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exception {
    /// A field that was null was used.
    #[error("java.lang.NullPointerException: {0}")]
    NullPointer(String),
    /// An address that is no IP address: pods have no names to resolve.
    #[error("java.net.UnknownHostException: {0}")]
    UnknownHost(String),
}

impl Exception {
    /// Throws.
    pub fn throw(self) -> ! {
        resume_unwind(Box::new(self))
    }
}

/// Uses a reference that may be null.
pub fn dereference<T: ?Sized>(reference: Option<&T>, what: impl FnOnce() -> String) -> &T {
    match reference {
        Some(value) => value,
        None => Exception::NullPointer(what()).throw(),
    }
}

/// Does `work` and catches what it throws.
///
/// # Errors
/// What was thrown.
///
/// # Panics
/// As `work`, with whatever is not an [`Exception`].
pub fn non_fatal<T>(work: impl FnOnce() -> T) -> Result<T, Exception> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| match payload.downcast::<Exception>() {
        Ok(exception) => *exception,
        Err(payload) => resume_unwind(payload),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_reference_is_caught_and_says_what_was_null() {
        assert_eq!(non_fatal(|| *dereference(Some(&1), || unreachable!())), Ok(1));
        let caught = non_fatal(|| *dereference(None::<&u8>, || "subsets of a".into()));
        let text = caught.unwrap_err().to_string();
        assert_eq!(text, "java.lang.NullPointerException: subsets of a");
    }

    #[test]
    fn a_panic_of_our_own_is_not_caught() {
        let outer = catch_unwind(|| non_fatal(|| resume_unwind(Box::new("a bug"))));
        assert_eq!(*outer.unwrap_err().downcast::<&str>().unwrap(), "a bug");
    }
}
