package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// The parts of the docker-archive format that a runtime asks for.
type (
	manifestEntry struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	imageConfig struct {
		Architecture string         `json:"architecture"`
		OS           string         `json:"os"`
		Config       runConfig      `json:"config"`
		RootFS       rootFS         `json:"rootfs"`
		History      []historyEntry `json:"history"`
	}
	runConfig struct {
		Entrypoint []string `json:",omitempty"`
		User       string   `json:",omitempty"`
		Env        []string `json:",omitempty"`
		WorkingDir string
	}
	rootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	}
	historyEntry struct {
		CreatedBy string `json:"created_by"`
	}
)

// write writes the image to a file, whole or not at all, and returns its
// unpacked size.
func (img *image) write(path string) (size int64, err error) {
	// The archive wants the layer's size before its bytes, and the configuration
	// its hash: the layer is written down first.
	scratch, err := os.CreateTemp(filepath.Dir(path), ".layer-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(scratch.Name())
	defer scratch.Close()
	hash := sha256.New()
	if size, err = img.layer.write(io.MultiWriter(scratch, hash)); err != nil {
		return 0, err
	}
	out, err := os.CreateTemp(filepath.Dir(path), ".image-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(out.Name()) // in vain once it was renamed
	if err := img.writeArchive(out, scratch, hex.EncodeToString(hash.Sum(nil))); err != nil {
		out.Close()
		return 0, err
	}
	if err := out.Close(); err != nil {
		return 0, err
	}
	if err := os.Chmod(out.Name(), 0o644); err != nil {
		return 0, err
	}
	return size, os.Rename(out.Name(), path)
}

func (img *image) writeArchive(w io.Writer, layerFile *os.File, layerHash string) error {
	config := imageConfig{
		Architecture: runtime.GOARCH,
		OS:           "linux",
		Config: runConfig{
			User:       img.user,
			Env:        append([]string{"PATH=/usr/local/bin:/usr/bin:/bin:/"}, img.env...),
			WorkingDir: "/",
		},
		RootFS:  rootFS{Type: "layers", DiffIDs: []string{"sha256:" + layerHash}},
		History: []historyEntry{{CreatedBy: "mkimage"}},
	}
	if img.entrypoint != "" {
		config.Config.Entrypoint = []string{img.entrypoint}
	}
	configJSON, err := json.Marshal(config)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(configJSON)
	configName := hex.EncodeToString(sum[:]) + ".json"
	layerName := layerHash + ".tar"
	manifest, err := json.Marshal([]manifestEntry{{Config: configName, RepoTags: []string{img.name}, Layers: []string{layerName}}})
	if err != nil {
		return err
	}

	out := tar.NewWriter(w)
	if err := writeBytes(out, "manifest.json", manifest); err != nil {
		return err
	}
	if err := writeBytes(out, configName, configJSON); err != nil {
		return err
	}
	length, err := layerFile.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	layerEntry := entry{
		header: tar.Header{Typeflag: tar.TypeReg, Name: layerName, Mode: 0o644, Size: length},
		open:   func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(layerFile, 0, length)), nil },
	}
	if err := layerEntry.write(out); err != nil {
		return err
	}
	return out.Close()
}
