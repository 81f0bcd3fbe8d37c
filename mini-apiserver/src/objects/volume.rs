//! Volumes of a pod: what its containers mount.

objects! {
    /// Which key of a ConfigMap or Secret becomes which file.
    KeyToPath {
        /// The key.
        key: String => "key" always,
        /// The file, relative to the mount.
        path: String => "path" always,
        /// The file's mode.
        mode: Option<i32> => "mode" omitempty,
    }

    /// An object of the same namespace, by name.
    LocalObjectReference {
        /// The name.
        name: String => "name" omitempty,
    }

    /// A directory of the node.
    HostPathVolumeSource {
        /// The directory.
        path: String => "path" always,
    }

    /// A directory that lives as long as the pod.
    EmptyDirVolumeSource {
        /// Empty or `Memory`.
        medium: String => "medium" omitempty,
    }

    /// A Secret's data as files.
    SecretVolumeSource {
        /// The Secret.
        secret_name: String => "secretName" omitempty,
        /// Which keys; all where there are none.
        items: Option<Vec<KeyToPath>> => "items" omitempty,
        /// The files' mode.
        default_mode: Option<i32> => "defaultMode" omitempty,
        /// Whether the Secret may be missing.
        optional: Option<bool> => "optional" omitempty,
    }

    /// A ConfigMap's data as files.
    ConfigMapVolumeSource {
        /// The ConfigMap.
        local_object_reference: LocalObjectReference => "" inline,
        /// Which keys; all where there are none.
        items: Option<Vec<KeyToPath>> => "items" omitempty,
        /// The files' mode.
        default_mode: Option<i32> => "defaultMode" omitempty,
        /// Whether the ConfigMap may be missing.
        optional: Option<bool> => "optional" omitempty,
    }

    /// Where a volume comes from: one of these.
    VolumeSource {
        /// A directory of the node.
        host_path: Option<HostPathVolumeSource> => "hostPath" omitempty,
        /// An empty directory.
        empty_dir: Option<EmptyDirVolumeSource> => "emptyDir" omitempty,
        /// A Secret.
        secret: Option<SecretVolumeSource> => "secret" omitempty,
        /// A ConfigMap.
        config_map: Option<ConfigMapVolumeSource> => "configMap" omitempty,
    }

    /// A named volume.
    Volume {
        /// Its name in the pod.
        name: String => "name" always,
        /// Where it comes from.
        volume_source: VolumeSource => "" inline,
    }
}
