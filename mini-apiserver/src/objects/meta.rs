//! What every object has, and label selectors.

use std::collections::BTreeMap;

use super::values::Time;

/// A Go `map[string]string`; `None` is nil.
pub type StringMap = Option<BTreeMap<String, String>>;

objects! {
    /// Who an object belongs to.
    OwnerReference {
        /// The owner's group and version.
        api_version: String => "apiVersion" always,
        /// The owner's kind.
        kind: String => "kind" always,
        /// The owner's name.
        name: String => "name" always,
        /// The owner's uid.
        uid: String => "uid" always,
        /// Whether the owner is the managing controller.
        controller: Option<bool> => "controller" omitempty,
        /// Whether the owner cannot go before the object in a foreground deletion.
        block_owner_deletion: Option<bool> => "blockOwnerDeletion" omitempty,
    }

    /// The metadata of an object.
    ObjectMeta {
        /// Unique in the namespace among objects of the kind.
        name: String => "name" omitempty,
        /// A prefix, from which the server makes a name where none is given.
        generate_name: String => "generateName" omitempty,
        /// Empty for kinds that are not in namespaces.
        namespace: String => "namespace" omitempty,
        /// The object's URL path.
        self_link: String => "selfLink" omitempty,
        /// Unique in time and space.
        uid: String => "uid" omitempty,
        /// etcd's revision of the last write; empty in etcd itself.
        resource_version: String => "resourceVersion" omitempty,
        /// Counts the changes of the desired state.
        generation: i64 => "generation" omitempty,
        /// When the server created it.
        creation_timestamp: Time => "creationTimestamp" always,
        /// When it shall be gone; set by a graceful deletion.
        deletion_timestamp: Time => "deletionTimestamp" omitempty,
        /// Seconds of grace.
        deletion_grace_period_seconds: Option<i64> => "deletionGracePeriodSeconds" omitempty,
        /// For selection.
        labels: StringMap => "labels" omitempty,
        /// For tools.
        annotations: StringMap => "annotations" omitempty,
        /// Who it belongs to.
        owner_references: Option<Vec<OwnerReference>> => "ownerReferences" omitempty,
        /// What must be done before it may be gone.
        finalizers: Option<Vec<String>> => "finalizers" omitempty,
    }

    /// One condition on a label.
    LabelSelectorRequirement {
        /// The label.
        key: String => "key" always,
        /// `In`, `NotIn`, `Exists`, `DoesNotExist`.
        operator: String => "operator" always,
        /// Of `In` and `NotIn`.
        values: Option<Vec<String>> => "values" omitempty,
    }

    /// Conditions on labels; all must hold.
    LabelSelector {
        /// Labels with their values.
        match_labels: StringMap => "matchLabels" omitempty,
        /// Other conditions.
        match_expressions: Option<Vec<LabelSelectorRequirement>> => "matchExpressions" omitempty,
    }
}
