package lfsserver_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestBoundaries: the server knows nothing of Kubernetes' libraries.
func TestBoundaries(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", "./...").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, pkg := range strings.Fields(string(out)) {
		if strings.HasPrefix(pkg, "k8s.io/") || strings.HasPrefix(pkg, "sigs.k8s.io/controller-runtime") || strings.HasSuffix(pkg, "/util") && strings.Contains(pkg, "lfs-operator") {
			t.Errorf("depends on %s", pkg)
		}
	}
}

// TestOneWayToFinalKeys: only admit.go asks for the right to write to a final
// key, and only publish.go and receive.go write to one; everything else that writes says which
// key of meta/ or staging/ it means.
func TestOneWayToFinalKeys(t *testing.T) {
	t.Parallel()
	grants := map[string]bool{
		"objectstore/admit.go":       true, // grants uploads
		"objectstore/presign.go":     true, // defines them
		"objectstore/objectstore.go": true,
		"objectstore/probe.go":       true, // under meta/probe/
		"objectstore/probe_links.go": true, // there too
	}
	writers := map[string]bool{"objectstore/publish.go": true, "objectstore/receive.go": true}
	write := regexp.MustCompile(`\.(Put|Copy|CopyPart|PutPart|Create|Complete)\(`)
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "lfstest") {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.Contains(string(src), "PresignPut") && !grants[filepath.ToSlash(path)] {
			t.Errorf("%s presigns an upload; that is admit.go's", path)
		}
		for _, line := range strings.Split(string(src), "\n") {
			if write.MatchString(line) && strings.Contains(line, ".Object(") && !writers[filepath.ToSlash(path)] {
				t.Errorf("%s writes to a final key: %s", path, strings.TrimSpace(line))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
