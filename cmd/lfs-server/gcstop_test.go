package main

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/gc/index"
	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// The switch reaches a sweep that is about to delete: it deletes nothing, leaves
// everything in quarantine, and says why.
func TestStopReachesSweep(t *testing.T) {
	t.Parallel()
	w := newGCWorld(t)
	var objects []lfstest.Object
	for _, content := range []string{"one", "two", "three", "four"} {
		objects = append(objects, w.push("model.bin", content))
	}
	w.mustRun()
	conn, err := w.store().connect(&w.Config)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { _, err := w.runWith("--answer-within", "15s"); ended <- err }()
	w.Eventually("the sweep is about to delete", func() (bool, string) {
		x, err := index.Load(context.Background(), conn.bucket, layout.Prefix(w.Config.Storage.Prefix))
		return err == nil && x.Deletes(), "not yet"
	})
	w.Reconfigure(func(c *serverconfig.Config) { c.GC.Suspended = true })
	var coded interface{ ExitCode() int }
	if err := <-ended; !errors.As(err, &coded) || coded.ExitCode() != 3 {
		t.Errorf("the sweep: %v", err)
	}
	for _, o := range objects {
		w.Download(o)
	}
	if x, err := index.Load(t.Context(), conn.bucket, conn.prefix); err != nil || x.Deletes() || len(x.Entries) != 2 {
		t.Errorf("index: %v, %+v", err, x)
	}
}

func (w *gcWorld) store() storeOptions {
	return storeOptions{config: filepath.Join(w.Dir, "config.yaml"), credentialsDir: filepath.Join(w.Dir, "credentials")}
}
