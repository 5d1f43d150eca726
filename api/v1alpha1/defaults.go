package v1alpha1

import "time"

// Built-in policy: what applies where neither repository nor store says
// otherwise. Change a default here and nowhere else.
const (
	DefaultThresholdBytes          int64 = 5_000_000
	DefaultKeepVersions            int32 = 5
	DefaultMultipartThresholdBytes int64 = 100_000_000
	DefaultPartSizeBytes           int64 = 50_000_000
	DefaultGracePeriod                   = 168 * time.Hour
	DefaultQuarantine                    = 168 * time.Hour
	DefaultDeleteLimit                   = "50%"
	DefaultRegion                        = "us-east-1"
	DefaultReplicas                int32 = 1
)

// DefaultSuffixRules returns the 32 suffixes that always belong in LFS
// (KohakuHub's server defaults, docs/api/git-lfs.md, "Server Default Suffixes").
func DefaultSuffixRules() []string {
	return []string{
		".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".pb", ".h5", ".tflite", ".gguf", ".ggml", ".msgpack",
		".zip", ".tar", ".gz", ".bz2", ".xz", ".7z", ".rar",
		".npy", ".npz", ".arrow", ".parquet",
		".mp4", ".avi", ".mkv", ".mov", ".wav", ".mp3", ".flac",
		".tiff", ".tif",
	}
}
