//! The conversion that an object passes on its way to a client.
//!
//! Go's server converts its internal object to the version that the client asked for. In 1.6 and
//! 1.7 the conversion of Endpoints made an empty slice where it found nil (kubernetes#43422), to
//! hide that protobuf storage had lost the difference. A list is converted by re-interpreting the
//! slice of its items as it lies in memory, so no item passes here: the repair was found to reach
//! single objects only and was taken out in 1.8 (kubernetes#45294).
//!
//! Who calls this is therefore the point: the paths that send one object (GET, the answers to
//! writes, each event of a watch; the last inferred from the encoder that they share) do, the path
//! that sends a list does not.

use std::borrow::Cow;

use super::Object;
use crate::Version;

/// Converts one object for a client.
pub fn single(version: Version, object: &Object) -> Cow<'_, Object> {
    if version == Version::V1_7
        && let Object::Endpoints(endpoints) = object
        && endpoints.subsets.is_none()
    {
        let mut endpoints = endpoints.clone();
        endpoints.subsets = Some(Vec::new());
        return Cow::Owned(Object::Endpoints(endpoints));
    }
    Cow::Borrowed(object)
}
