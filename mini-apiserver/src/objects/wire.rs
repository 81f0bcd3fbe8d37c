//! How a value becomes protobuf and comes back.
//!
//! One fact carries the whole story of the outage: protobuf has no way to tell an empty list from
//! an absent one. What goes in as `Some(vec![])` comes back as `None`. Scalars that are not
//! pointers in Go are always written, even where they are zero, as gogo-protobuf does.

use std::collections::BTreeMap;

use super::json::Struct;

/// A value that is `P` in the generated protobuf code.
pub trait Wire<P>: Sized {
    /// The protobuf form.
    fn to_wire(&self) -> P;
    /// The value of a protobuf form.
    fn from_wire(wire: P) -> Self;
}

macro_rules! scalars {
    ($($scalar:ty),*) => {$(
        impl Wire<$scalar> for $scalar {
            fn to_wire(&self) -> $scalar {
                self.clone()
            }

            fn from_wire(wire: $scalar) -> Self {
                wire
            }
        }

        impl Wire<Option<$scalar>> for $scalar {
            fn to_wire(&self) -> Option<$scalar> {
                Some(self.clone())
            }

            fn from_wire(wire: Option<$scalar>) -> Self {
                wire.unwrap_or_default()
            }
        }
    )*};
}

scalars!(String, bool, i32, i64);

macro_rules! pointers {
    ($($scalar:ty),*) => {$(
        impl Wire<Option<$scalar>> for Option<$scalar> {
            fn to_wire(&self) -> Option<$scalar> {
                *self
            }

            fn from_wire(wire: Option<$scalar>) -> Self {
                wire
            }
        }
    )*};
}

pointers!(bool, i32, i64);

impl<T: Struct + Wire<P>, P> Wire<Option<P>> for Option<T> {
    fn to_wire(&self) -> Option<P> {
        self.as_ref().map(T::to_wire)
    }

    fn from_wire(wire: Option<P>) -> Self {
        wire.map(T::from_wire)
    }
}

impl<T: Wire<P>, P> Wire<Vec<P>> for Option<Vec<T>> {
    fn to_wire(&self) -> Vec<P> {
        self.iter().flatten().map(T::to_wire).collect()
    }

    fn from_wire(wire: Vec<P>) -> Self {
        let items: Vec<T> = wire.into_iter().map(T::from_wire).collect();
        if items.is_empty() { None } else { Some(items) }
    }
}

impl<T: Wire<P>, P> Wire<BTreeMap<String, P>> for Option<BTreeMap<String, T>> {
    fn to_wire(&self) -> BTreeMap<String, P> {
        self.iter().flatten().map(|(name, value)| (name.clone(), value.to_wire())).collect()
    }

    fn from_wire(wire: BTreeMap<String, P>) -> Self {
        if wire.is_empty() {
            return None;
        }
        Some(wire.into_iter().map(|(name, value)| (name, T::from_wire(value))).collect())
    }
}
