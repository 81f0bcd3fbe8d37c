//! What the machine room promises, one sentence a test.

mod disk;
mod hold;
mod network;
mod power;
mod process;
mod rebind;
mod record;
mod support;
