//! Members in the simulator: zones lost, power lost, and the same again for the same seed.

#[path = "../server/channel.rs"]
mod channel;
mod crashes;
mod disks;
mod grow;
mod heal;
mod idle;
mod reopened;
mod room;
mod sessions;
mod suspended;
mod zones;
