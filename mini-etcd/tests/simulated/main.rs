//! Members in the simulator: zones lost, power lost, and the same again for the same seed.

#[path = "../server/channel.rs"]
mod channel;
mod crashes;
mod disks;
mod grow;
mod idle;
mod room;
mod sessions;
mod zones;
