//! Clients of the v3 API, as of their historical generations.
