//! The small values that are not structs: times, quantities, ports by number or name, bytes.

use anatomy_proto::k8s;
use bytes::Bytes;
use serde_json::Value;

use super::base64;
use super::json::{At, Json, ReadError, write_str};
use super::wire::Wire;
use crate::Version;

/// A point in time to the second (`metav1.Time`); `None` prints as `null`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Option<i64>);

impl Time {
    /// A Unix time.
    pub fn from_unix(seconds: i64) -> Self {
        Time(Some(seconds))
    }
}

impl Json for Time {
    fn write(&self, _: Version, out: &mut Vec<u8>) {
        match self.0.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok()) {
            Some(time) => write_str(&time.to_string(), out),
            None => out.extend_from_slice(b"null"),
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn read(value: Value, at: &At<'_>) -> Result<Self, ReadError> {
        let time = value.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        match time {
            Some(time) => Ok(Time(Some(time.as_nanosecond().div_euclid(1_000_000_000) as i64))),
            None => Err(ReadError::new(at, "an RFC 3339 time", &value)),
        }
    }
}

impl Wire<Option<k8s::Time>> for Time {
    fn to_wire(&self) -> Option<k8s::Time> {
        self.0.map(|seconds| k8s::Time { seconds: Some(seconds), nanos: Some(0) })
    }

    fn from_wire(wire: Option<k8s::Time>) -> Self {
        Time(wire.and_then(|time| time.seconds))
    }
}

/// An amount such as `100m` or `2Gi`, kept as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quantity(pub String);

impl Json for Quantity {
    fn write(&self, _: Version, out: &mut Vec<u8>) {
        write_str(&self.0, out);
    }

    fn is_empty(&self) -> bool {
        false
    }

    fn read(value: Value, at: &At<'_>) -> Result<Self, ReadError> {
        match value {
            Value::String(text) => Ok(Quantity(text)),
            Value::Number(number) => Ok(Quantity(number.to_string())),
            other => Err(ReadError::new(at, "a quantity", &other)),
        }
    }
}

impl Wire<k8s::Quantity> for Quantity {
    fn to_wire(&self) -> k8s::Quantity {
        k8s::Quantity { string: Some(self.0.clone()) }
    }

    fn from_wire(wire: k8s::Quantity) -> Self {
        Quantity(wire.string.unwrap_or_default())
    }
}

/// A port by number or by name, or a number or a percentage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntOrString {
    /// A number.
    Int(i32),
    /// A name or a percentage.
    Str(String),
}

impl Default for IntOrString {
    fn default() -> Self {
        IntOrString::Int(0)
    }
}

impl Json for IntOrString {
    fn write(&self, version: Version, out: &mut Vec<u8>) {
        match self {
            IntOrString::Int(number) => number.write(version, out),
            IntOrString::Str(text) => write_str(text, out),
        }
    }

    fn is_empty(&self) -> bool {
        false
    }

    fn read(value: Value, at: &At<'_>) -> Result<Self, ReadError> {
        match value {
            Value::String(text) => Ok(IntOrString::Str(text)),
            Value::Number(_) => i32::read(value, at).map(IntOrString::Int),
            other => Err(ReadError::new(at, "a number or a string", &other)),
        }
    }
}

impl Json for Option<IntOrString> {
    fn write(&self, version: Version, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.write(version, out),
            None => out.extend_from_slice(b"null"),
        }
    }

    fn is_empty(&self) -> bool {
        self.is_none()
    }

    fn read(value: Value, at: &At<'_>) -> Result<Self, ReadError> {
        IntOrString::read(value, at).map(Some)
    }
}

impl Wire<Option<k8s::IntOrString>> for IntOrString {
    fn to_wire(&self) -> Option<k8s::IntOrString> {
        let (kind, int, text) = match self {
            IntOrString::Int(number) => (0, *number, String::new()),
            IntOrString::Str(text) => (1, 0, text.clone()),
        };
        Some(k8s::IntOrString { r#type: Some(kind), int_val: Some(int), str_val: Some(text) })
    }

    fn from_wire(wire: Option<k8s::IntOrString>) -> Self {
        let wire = wire.unwrap_or_default();
        match wire.r#type {
            Some(1) => IntOrString::Str(wire.str_val.unwrap_or_default()),
            _ => IntOrString::Int(wire.int_val.unwrap_or_default()),
        }
    }
}

impl Wire<Option<k8s::IntOrString>> for Option<IntOrString> {
    fn to_wire(&self) -> Option<k8s::IntOrString> {
        self.as_ref().and_then(IntOrString::to_wire)
    }

    fn from_wire(wire: Option<k8s::IntOrString>) -> Self {
        wire.map(|wire| IntOrString::from_wire(Some(wire)))
    }
}

/// Bytes, which JSON carries as Base64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blob(pub Bytes);

impl Json for Blob {
    fn write(&self, _: Version, out: &mut Vec<u8>) {
        write_str(&base64::encode(&self.0), out);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn read(value: Value, at: &At<'_>) -> Result<Self, ReadError> {
        match value.as_str().and_then(base64::decode) {
            Some(bytes) => Ok(Blob(bytes.into())),
            None => Err(ReadError::new(at, "Base64", &value)),
        }
    }
}

impl Wire<Bytes> for Blob {
    fn to_wire(&self) -> Bytes {
        self.0.clone()
    }

    fn from_wire(wire: Bytes) -> Self {
        Blob(wire)
    }
}
