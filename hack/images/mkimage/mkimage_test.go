package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestSameInputSameBytes(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, []byte("x"), 0o755); err != nil {
		t.Fatal(err)
	}
	var images [][]byte
	for _, name := range []string{"a.tar", "b.tar"} {
		out := filepath.Join(dir, name)
		args := []string{"-o", out, "-name", "localhost/x:dev", "-entrypoint", "/bin/program",
			"-dir", "/tmp:1777", "-link", "/bin/sh=/bin/program", "/bin/program=" + program}
		if err := run(args); err != nil {
			t.Fatal(err)
		}
		image, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, image)
		// Times of the files must not matter.
		if err := os.Chtimes(program, time.Now(), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(images[0], images[1]) {
		t.Error("the second image differs")
	}

	files := untar(t, bytes.NewReader(images[0]))
	var manifest []manifestEntry
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	var config imageConfig
	if err := json.Unmarshal(files[manifest[0].Config], &config); err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" || !slices.Equal(config.Config.Entrypoint, []string{"/bin/program"}) {
		t.Errorf("config: %+v", config.Config)
	}
	layer := untar(t, bytes.NewReader(files[manifest[0].Layers[0]]))
	for _, name := range []string{"bin/", "bin/program", "bin/sh", "etc/passwd", "tmp/"} {
		if _, ok := layer[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestFailureLeavesNothing(t *testing.T) {
	out := filepath.Join(t.TempDir(), "image.tar")
	if err := run([]string{"-o", out, "-name", "x", "/a=" + filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Fatal("no error for a file that is not there")
	}
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an image was left: %v", err)
	}
}

func untar(t *testing.T, r io.Reader) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for in := tar.NewReader(r); ; {
		header, err := in.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = content
	}
}
