//! The notation in which objects are written down.
//!
//! Each field stands once, with its JSON name and how Go's tag says it prints:
//!
//! | word | Go tag |
//! |---|---|
//! | `always` | `json:"name"` |
//! | `omitempty` | `json:"name,omitempty"` |
//! | `omitempty_since_1_10` | `json:"name"` up to 1.9, then `json:"name,omitempty"` |
//! | `inline` | `json:",inline"` |
//!
//! The protobuf side comes from the message of the same name in `anatomy_proto::k8s`; a field that
//! is here and not there does not compile.

macro_rules! objects {
    ($($(#[$meta:meta])* $name:ident {
        $($(#[$doc:meta])* $field:ident: $type:ty => $json:literal $mode:ident,)*
    })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl $crate::objects::json::Struct for $name {
            fn write_fields(&self, writer: &mut $crate::objects::json::Writer<'_>) {
                $(objects!(@write writer, self.$field, $json, $mode);)*
                let _ = writer;
            }

            fn read_fields(
                map: &mut serde_json::Map<String, serde_json::Value>,
                at: &$crate::objects::json::At<'_>,
            ) -> Result<Self, $crate::objects::json::ReadError> {
                Ok($name { $($field: objects!(@read map, at, $json, $mode),)* })
            }
        }

        impl $crate::objects::json::Json for $name {
            fn write(&self, version: $crate::Version, out: &mut Vec<u8>) {
                use $crate::objects::json::{Struct, write_object};
                write_object(version, out, |writer| self.write_fields(writer));
            }

            fn is_empty(&self) -> bool {
                false
            }

            fn read(
                value: serde_json::Value,
                at: &$crate::objects::json::At<'_>,
            ) -> Result<Self, $crate::objects::json::ReadError> {
                use $crate::objects::json::{ReadError, Struct};
                match value {
                    serde_json::Value::Object(mut map) => $name::read_fields(&mut map, at),
                    other => Err(ReadError::new(at, "an object", &other)),
                }
            }
        }

        impl $crate::objects::wire::Wire<anatomy_proto::k8s::$name> for $name {
            fn to_wire(&self) -> anatomy_proto::k8s::$name {
                anatomy_proto::k8s::$name {
                    $($field: $crate::objects::wire::Wire::to_wire(&self.$field),)*
                }
            }

            fn from_wire(wire: anatomy_proto::k8s::$name) -> Self {
                $name { $($field: $crate::objects::wire::Wire::from_wire(wire.$field),)* }
            }
        }

        impl $crate::objects::wire::Wire<Option<anatomy_proto::k8s::$name>> for $name {
            fn to_wire(&self) -> Option<anatomy_proto::k8s::$name> {
                Some($crate::objects::wire::Wire::to_wire(self))
            }

            fn from_wire(wire: Option<anatomy_proto::k8s::$name>) -> Self {
                wire.map($crate::objects::wire::Wire::from_wire).unwrap_or_default()
            }
        }
    )*};
    (@write $writer:ident, $self:ident.$field:ident, $json:literal, always) => {
        $writer.field($json, &$self.$field)
    };
    (@write $writer:ident, $self:ident.$field:ident, $json:literal, omitempty) => {
        if !$crate::objects::json::Json::is_empty(&$self.$field) {
            $writer.field($json, &$self.$field)
        }
    };
    (@write $writer:ident, $self:ident.$field:ident, $json:literal, omitempty_since_1_10) => {
        if $writer.version < $crate::Version::V1_10
            || !$crate::objects::json::Json::is_empty(&$self.$field)
        {
            $writer.field($json, &$self.$field)
        }
    };
    (@write $writer:ident, $self:ident.$field:ident, $json:literal, inline) => {
        $crate::objects::json::Struct::write_fields(&$self.$field, $writer)
    };
    (@read $map:ident, $at:ident, $json:literal, inline) => {
        $crate::objects::json::Struct::read_fields($map, $at)?
    };
    (@read $map:ident, $at:ident, $json:literal, $mode:ident) => {
        $crate::objects::json::take($map, $json, $at)?
    };
}
