//! What the machine room promises, one sentence a test.

mod disk;
mod network;
mod power;
mod process;
mod record;
mod support;
