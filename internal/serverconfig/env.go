package serverconfig

// EnvPurgeConfig is the environment variable that holds the configuration of a
// purge: by the time that data is deleted, the ConfigMap may be gone. Only
// Repository and Storage are filled in.
const EnvPurgeConfig = "LFS_PURGE_CONFIG"
