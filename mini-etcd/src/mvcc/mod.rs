//! The multi-version store.
