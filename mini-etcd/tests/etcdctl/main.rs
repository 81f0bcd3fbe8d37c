//! The stock `etcdctl` against the `mini-etcd` binary: every subcommand of its, on one member and on
//! three. What it prints is kept in snapshots. Where `etcd` is installed too, the same commands are
//! run against it, and it has to print the same: the snapshots are etcd's own words.
//!
//! `apt-get install etcd-client etcd-server` (Debian 12: 3.4.23, whose words the snapshots hold;
//! `.ci/run` plays the same with the client 3.5.16, beside etcd alone). Without them the tests say on
//! the terminal that they did not run; with `ANATOMY_ETCDCTL=required`, as in `.ci/run`, they fail.

mod cluster;
mod ctl;
mod normal;
#[path = "../port/mod.rs"]
mod port;
mod process;
mod restore;
mod single;
