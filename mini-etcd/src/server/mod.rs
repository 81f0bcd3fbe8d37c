//! The member.
