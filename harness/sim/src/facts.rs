//! What of a packet goes into the record.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use turmoil_net::{Packet, Transport};
use xxhash_rust::xxh3::xxh3_64;

/// A packet as the digest sees it: everything but when.
pub(crate) struct Facts([u8; 64]);

impl Facts {
    pub fn of(packet: &Packet) -> Self {
        let mut bytes = [0u8; 64];
        let (sport, dport, flags, seq, ack, window, payload) = match &packet.payload {
            Transport::Tcp(s) => {
                let f = s.flags;
                let flags = u8::from(f.syn)
                    | u8::from(f.ack) << 1
                    | u8::from(f.fin) << 2
                    | u8::from(f.rst) << 3;
                (s.src_port, s.dst_port, flags, s.seq, s.ack, s.window, &s.payload)
            }
            Transport::Udp(d) => (d.src_port, d.dst_port, 0, 0, 0, 0, &d.payload),
        };
        for (at, ip, port) in [(16, packet.src, sport), (22, packet.dst, dport)] {
            if let IpAddr::V4(ip) = ip {
                bytes[at..at + 4].copy_from_slice(&ip.octets());
            }
            bytes[at + 4..at + 6].copy_from_slice(&port.to_le_bytes());
        }
        bytes[28] = flags;
        bytes[29..33].copy_from_slice(&seq.to_le_bytes());
        bytes[33..37].copy_from_slice(&ack.to_le_bytes());
        bytes[37..39].copy_from_slice(&window.to_le_bytes());
        bytes[39..47].copy_from_slice(&(payload.len() as u64).to_le_bytes());
        bytes[47..55].copy_from_slice(&xxh3_64(payload).to_le_bytes());
        Facts(bytes)
    }

    /// With when it was sent and when it will arrive.
    pub fn at(mut self, sent: Duration, arrives: Duration) -> Self {
        self.0[..8].copy_from_slice(&(sent.as_nanos() as u64).to_le_bytes());
        self.0[8..16].copy_from_slice(&(arrives.as_nanos() as u64).to_le_bytes());
        self
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// For people.
    pub fn text(&self) -> String {
        let flags: Vec<&str> = [(1, "SYN"), (2, "ACK"), (4, "FIN"), (8, "RST")]
            .iter()
            .filter(|(bit, _)| self.0[28] & bit != 0)
            .map(|(_, name)| *name)
            .collect();
        format!(
            "{} → {} {} seq {} with {} bytes",
            self.address(16),
            self.address(22),
            flags.join("+"),
            u32::from_le_bytes(self.part(29)),
            u64::from_le_bytes(self.part(39)),
        )
    }

    fn address(&self, at: usize) -> SocketAddr {
        (self.part::<4>(at), u16::from_le_bytes(self.part(at + 4))).into()
    }

    fn part<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0[at..at + N].try_into().expect("as long as asked")
    }
}
