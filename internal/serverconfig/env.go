package serverconfig

// EnvPurgeConfig is the environment variable that holds the configuration of a
// purge: by the time that data is deleted, the ConfigMap may be gone. Only
// Repository and Storage are filled in.
const EnvPurgeConfig = "LFS_PURGE_CONFIG"

// EnvProbeConfig is the environment variable that holds the configuration of a
// probe, of which only Storage is filled in.
const EnvProbeConfig = "LFS_PROBE_CONFIG"

// EnvSessionsConfig is the environment variable that holds an Issuer.
const EnvSessionsConfig = "LFS_SESSIONS_CONFIG"

// TerminationMessageFile is where a program that fails says why, and where a probe
// writes its serverstatus.Store: the kubelet puts what stands there into the pod's
// status (terminationMessagePath of the core/v1 Container).
const TerminationMessageFile = "/dev/termination-log"
