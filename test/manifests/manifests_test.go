package manifests_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lfs-operator/lfs-operator/test/manifests"
)

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.yaml")
	text := "# A comment.\n---\n# One more.\nkind: A\nmetadata: {name: a, generation: 3}\n---\nkind: B\ndata: {x: '---'}\n---\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := manifests.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	var objects []map[string]any
	for _, o := range got {
		objects = append(objects, o.Object)
	}
	want := []map[string]any{
		{"kind": "A", "metadata": map[string]any{"name": "a", "generation": int64(3)}}, // as clients have numbers
		{"kind": "B", "data": map[string]any{"x": "---"}},
	}
	if diff := cmp.Diff(want, objects); diff != "" {
		t.Error("-want +got\n" + diff)
	}
	if err := os.WriteFile(path, []byte("kind: A\n---\na: b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := manifests.Read(path); err == nil {
		t.Error("an object without a kind is none")
	}
}
