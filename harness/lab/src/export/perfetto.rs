//! Perfetto's own format: a `perfetto.protos.Trace` of track descriptors and track events.
//!
//! The messages are the part of `protos/perfetto/trace/{trace,trace_packet}.proto` and
//! `.../track_event/*.proto` that is needed, with their field numbers. Timestamps are nanoseconds of
//! the boot-time clock, which is what a packet without a clock means; here they count from the
//! beginning of the run.

use prost::Message;

use super::Played;
use super::tracks::{beginning, tracks};

/// The sequence that all packets belong to; Perfetto wants one that is not 0.
const SEQUENCE: u32 = 1;
/// `TrackEvent.Type`.
const SLICE_BEGIN: i32 = 1;
const SLICE_END: i32 = 2;
const INSTANT: i32 = 3;
const COUNTER: i32 = 4;
/// Identities of tracks: machines, then processes on them, then the run's own.
const MACHINES: u64 = 1 << 32;
const PROCESSES: u64 = 2 << 32;
const RUN: u64 = 3 << 32;

/// `perfetto.protos.Trace`.
#[derive(Clone, PartialEq, Message)]
pub struct Trace {
    #[prost(message, repeated, tag = "1")]
    pub packet: Vec<TracePacket>,
}

/// `perfetto.protos.TracePacket`.
#[derive(Clone, PartialEq, Message)]
pub struct TracePacket {
    #[prost(uint64, optional, tag = "8")]
    pub timestamp: Option<u64>,
    #[prost(uint32, tag = "10")]
    pub trusted_packet_sequence_id: u32,
    #[prost(message, optional, tag = "11")]
    pub track_event: Option<TrackEvent>,
    #[prost(message, optional, tag = "60")]
    pub track_descriptor: Option<TrackDescriptor>,
}

/// `perfetto.protos.TrackDescriptor`.
#[derive(Clone, PartialEq, Message)]
pub struct TrackDescriptor {
    #[prost(uint64, tag = "1")]
    pub uuid: u64,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(uint64, optional, tag = "5")]
    pub parent_uuid: Option<u64>,
    #[prost(message, optional, tag = "8")]
    pub counter: Option<CounterDescriptor>,
}

/// `perfetto.protos.CounterDescriptor`, of which only the unit's name is used.
#[derive(Clone, PartialEq, Message)]
pub struct CounterDescriptor {
    #[prost(string, tag = "6")]
    pub unit_name: String,
}

/// `perfetto.protos.TrackEvent`.
#[derive(Clone, PartialEq, Message)]
pub struct TrackEvent {
    #[prost(message, repeated, tag = "4")]
    pub debug_annotations: Vec<DebugAnnotation>,
    #[prost(int32, tag = "9")]
    pub r#type: i32,
    #[prost(uint64, tag = "11")]
    pub track_uuid: u64,
    #[prost(string, repeated, tag = "22")]
    pub categories: Vec<String>,
    #[prost(string, tag = "23")]
    pub name: String,
    #[prost(double, optional, tag = "44")]
    pub double_counter_value: Option<f64>,
}

/// `perfetto.protos.DebugAnnotation`.
#[derive(Clone, PartialEq, Message)]
pub struct DebugAnnotation {
    #[prost(string, tag = "6")]
    pub string_value: String,
    #[prost(string, tag = "10")]
    pub name: String,
}

/// The trace's bytes.
pub fn trace(played: &Played) -> Vec<u8> {
    packets(played).encode_to_vec()
}

fn packets(played: &Played) -> Trace {
    let zero = beginning(played);
    let nanos = |at: f64| ((at - zero) * 1e9).round() as u64;
    let tracks = tracks(played);
    let mut packet = vec![descriptor(RUN, None, &played.scenario.title)];
    for (n, track) in tracks.iter().enumerate() {
        let machine = MACHINES + track.machine_id;
        if n == 0 || tracks[n - 1].machine != track.machine {
            let name = if track.machine.is_empty() { "world" } else { track.machine };
            packet.push(descriptor(machine, None, name));
        }
        packet.push(descriptor(PROCESSES + track.id, Some(machine), track.process));
    }
    for phase in &played.outcome.phases {
        for (at, r#type) in [(phase.start, SLICE_BEGIN), (phase.end, SLICE_END)] {
            let event = TrackEvent {
                r#type,
                track_uuid: RUN,
                categories: vec!["phase".into()],
                name: if r#type == SLICE_BEGIN { phase.name.clone() } else { String::new() },
                ..TrackEvent::default()
            };
            packet.push(at_time(nanos(at as f64), event));
        }
    }
    for (n, journey) in played.outcome.journeys.iter().enumerate() {
        let uuid = RUN + 1 + n as u64;
        let mut track = descriptor(uuid, Some(RUN), &journey.name);
        if let Some(descriptor) = &mut track.track_descriptor {
            descriptor.counter = Some(CounterDescriptor { unit_name: "%".into() });
        }
        packet.push(track);
        for bucket in &journey.buckets {
            let event = TrackEvent {
                r#type: COUNTER,
                track_uuid: uuid,
                double_counter_value: Some(bucket.ratio().unwrap_or(1.0) * 100.0),
                ..TrackEvent::default()
            };
            packet.push(at_time(nanos(bucket.start as f64), event));
        }
    }
    for event in played.events {
        let track = tracks
            .iter()
            .find(|track| track.machine == event.machine && track.process == event.process)
            .expect("every event has a track");
        let note = |(name, value): (&str, &str)| DebugAnnotation {
            name: name.to_owned(),
            string_value: value.to_owned(),
        };
        let fields = event.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let instant = TrackEvent {
            r#type: INSTANT,
            track_uuid: PROCESSES + track.id,
            categories: vec!["event".into()],
            name: if event.kind.is_empty() { event.text.clone() } else { event.kind.clone() },
            debug_annotations: [("text", event.text.as_str())]
                .into_iter()
                .chain(fields)
                .map(note)
                .collect(),
            ..TrackEvent::default()
        };
        packet.push(at_time(nanos(event.at), instant));
    }
    Trace { packet }
}

fn descriptor(uuid: u64, parent_uuid: Option<u64>, name: &str) -> TracePacket {
    TracePacket {
        timestamp: None,
        trusted_packet_sequence_id: SEQUENCE,
        track_event: None,
        track_descriptor: Some(TrackDescriptor {
            uuid,
            name: name.to_owned(),
            parent_uuid,
            counter: None,
        }),
    }
}

fn at_time(timestamp: u64, event: TrackEvent) -> TracePacket {
    TracePacket {
        timestamp: Some(timestamp),
        trusted_packet_sequence_id: SEQUENCE,
        track_event: Some(event),
        track_descriptor: None,
    }
}
