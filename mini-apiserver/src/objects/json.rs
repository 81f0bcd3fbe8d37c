//! How a value is written as JSON and read from it: by the rules of Go's `encoding/json`.
//!
//! The rules matter here. Go has nil slices and empty ones: a nil slice prints as `null`, an empty
//! one as `[]`, and with `omitempty` neither prints. Which of the two a client sees is decided by
//! the path that the object took through the server, so an `Option<Vec<_>>` keeps them apart and
//! nothing here repairs them. Reading follows Go too: `null` leaves a field at its zero value and
//! unknown fields are ignored.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use crate::Version;

/// Where in a document something is: `spec.ports[2].port`.
#[derive(Clone, Copy)]
pub enum At<'a> {
    /// The document.
    Root,
    /// A field of an object.
    Field(&'a At<'a>, &'a str),
    /// An element of a list.
    Index(&'a At<'a>, usize),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Root => Ok(()),
            At::Field(At::Root, name) => f.write_str(name),
            At::Field(parent, name) => write!(f, "{parent}.{name}"),
            At::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A document that does not have the shape of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: expected {expected}, found {found}", if .at.is_empty() { "document" } else { .at })]
pub struct ReadError {
    /// The path of the field.
    pub at: String,
    /// What belongs there.
    pub expected: &'static str,
    /// What was there.
    pub found: String,
}

impl ReadError {
    /// `found` stands at `at`, where `expected` belongs.
    pub fn new(at: &At<'_>, expected: &'static str, found: &Value) -> Self {
        let mut found = found.to_string();
        if found.chars().count() > 40 {
            found = found.chars().take(40).collect::<String>() + "…";
        }
        ReadError { at: at.to_string(), expected, found }
    }
}

/// Writes the members of one JSON object.
pub struct Writer<'a> {
    /// The release whose tags apply.
    pub version: Version,
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Writer<'_> {
    /// Writes one member.
    pub fn field(&mut self, name: &str, value: &impl Json) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        write_str(name, self.out);
        self.out.push(b':');
        value.write(self.version, self.out);
    }
}

/// Writes `{…}` with the members that `members` writes.
pub fn write_object(version: Version, out: &mut Vec<u8>, members: impl FnOnce(&mut Writer<'_>)) {
    out.push(b'{');
    members(&mut Writer { version, out, first: true });
    out.push(b'}');
}

/// A value with a JSON form.
pub trait Json: Sized + Default {
    /// Appends the value.
    fn write(&self, version: Version, out: &mut Vec<u8>);
    /// Whether `omitempty` leaves the value out.
    fn is_empty(&self) -> bool;
    /// Reads a value that is not null.
    ///
    /// # Errors
    /// Says where the document has the wrong shape.
    fn read(value: Value, at: &At<'_>) -> Result<Self, ReadError>;
}

/// A struct: its members can also be written into another's object (`json:",inline"`).
pub trait Struct: Sized + Default {
    /// Writes the members.
    fn write_fields(&self, writer: &mut Writer<'_>);
    /// Takes the members out of `map`.
    ///
    /// # Errors
    /// Says where the document has the wrong shape.
    fn read_fields(map: &mut Map<String, Value>, at: &At<'_>) -> Result<Self, ReadError>;
}

/// Takes member `name` out of `map`; the zero value where it is absent or null.
///
/// # Errors
/// Says where the document has the wrong shape.
pub fn take<T: Json>(
    map: &mut Map<String, Value>,
    name: &str,
    at: &At<'_>,
) -> Result<T, ReadError> {
    match map.remove(name) {
        None | Some(Value::Null) => Ok(T::default()),
        Some(value) => T::read(value, &At::Field(at, name)),
    }
}

pub(super) fn write_str(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a string always encodes");
}

impl Json for String {
    fn write(&self, _: Version, out: &mut Vec<u8>) {
        write_str(self, out);
    }

    fn is_empty(&self) -> bool {
        String::is_empty(self)
    }

    fn read(value: Value, at: &At<'_>) -> Result<Self, ReadError> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(ReadError::new(at, "a string", &other)),
        }
    }
}

impl Json for bool {
    fn write(&self, _: Version, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }

    fn is_empty(&self) -> bool {
        !self
    }

    fn read(value: Value, at: &At<'_>) -> Result<Self, ReadError> {
        value.as_bool().ok_or_else(|| ReadError::new(at, "a boolean", &value))
    }
}

macro_rules! integers {
    ($($int:ty, $expected:literal;)*) => {$(
        impl Json for $int {
            fn write(&self, _: Version, out: &mut Vec<u8>) {
                out.extend_from_slice(self.to_string().as_bytes());
            }

            fn is_empty(&self) -> bool {
                *self == 0
            }

            fn read(value: Value, at: &At<'_>) -> Result<Self, ReadError> {
                let number = value.as_i64().and_then(|number| number.try_into().ok());
                number.ok_or_else(|| ReadError::new(at, $expected, &value))
            }
        }
    )*};
}

integers! {
    i32, "a 32-bit integer";
    i64, "an integer";
}

macro_rules! pointers {
    ($($pointed:ty),*) => {$(
        impl Json for Option<$pointed> {
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
                <$pointed as Json>::read(value, at).map(Some)
            }
        }
    )*};
}

pointers!(i32, i64, bool);

impl<T: Struct + Json> Json for Option<T> {
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
        T::read(value, at).map(Some)
    }
}

/// A Go slice: `None` is nil.
impl<T: Json> Json for Option<Vec<T>> {
    fn write(&self, version: Version, out: &mut Vec<u8>) {
        let Some(items) = self else {
            out.extend_from_slice(b"null");
            return;
        };
        out.push(b'[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            item.write(version, out);
        }
        out.push(b']');
    }

    fn is_empty(&self) -> bool {
        self.as_ref().is_none_or(Vec::is_empty)
    }

    fn read(value: Value, at: &At<'_>) -> Result<Self, ReadError> {
        let Value::Array(items) = value else {
            return Err(ReadError::new(at, "a list", &value));
        };
        let read = |(index, item)| match item {
            Value::Null => Ok(T::default()),
            item => T::read(item, &At::Index(at, index)),
        };
        items.into_iter().enumerate().map(read).collect::<Result<_, _>>().map(Some)
    }
}

/// A Go map: `None` is nil.
impl<T: Json> Json for Option<BTreeMap<String, T>> {
    fn write(&self, version: Version, out: &mut Vec<u8>) {
        let Some(entries) = self else {
            out.extend_from_slice(b"null");
            return;
        };
        write_object(version, out, |writer| {
            for (name, value) in entries {
                writer.field(name, value);
            }
        });
    }

    fn is_empty(&self) -> bool {
        self.as_ref().is_none_or(BTreeMap::is_empty)
    }

    fn read(value: Value, at: &At<'_>) -> Result<Self, ReadError> {
        let Value::Object(entries) = value else {
            return Err(ReadError::new(at, "an object", &value));
        };
        let read = |(name, value): (String, Value)| {
            let value = match value {
                Value::Null => T::default(),
                value => T::read(value, &At::Field(at, &name))?,
            };
            Ok((name, value))
        };
        entries.into_iter().map(read).collect::<Result<_, _>>().map(Some)
    }
}
