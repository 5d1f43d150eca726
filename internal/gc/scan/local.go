package scan

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/gc/odb"
	"github.com/lfs-operator/lfs-operator/internal/gc/uploadpack"
)

// gitDir finds a bare repository or the .git of a working copy.
func gitDir(path string) (string, error) {
	for _, root := range []string{path, filepath.Join(path, ".git")} {
		if isDir(filepath.Join(root, "objects")) && exists(filepath.Join(root, "HEAD")) {
			return root, nil
		}
	}
	return "", uploadpack.ErrNotFound
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// listLocal reads the refs of a repository on disk (gitrepository-layout).
func listLocal(path string) (*advert, error) {
	root, err := gitDir(path)
	if err != nil {
		return nil, err
	}
	if st, err := os.Stat(filepath.Join(root, "shallow")); err == nil && st.Size() > 0 {
		return nil, errShallow
	}
	format, err := localFormat(root)
	if err != nil {
		return nil, err
	}
	named := map[string]odb.ID{}
	// A ref's own file wins over packed-refs.
	if err := packedRefs(root, format, named); err != nil {
		return nil, err
	}
	if err := looseRefs(root, format, named); err != nil {
		return nil, err
	}
	if err := packedSince(root, format, named); err != nil {
		return nil, err
	}
	var refs []ref
	for name, id := range named {
		refs = append(refs, ref{name, id})
	}
	return &advert{refs: sorted(refs)}, nil
}

// localFormat reads the parts of the configuration that change what the files
// mean (git-config, extensions.*).
func localFormat(root string) (odb.Format, error) {
	raw, err := os.ReadFile(filepath.Join(root, "config"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	format := odb.SHA1
	for line := range strings.Lines(strings.ToLower(string(raw))) {
		key, value, _ := strings.Cut(line, "=")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch strings.TrimSpace(key) {
		case "objectformat":
			format = odb.Format(value)
		case "refstorage":
			if value != "files" {
				return "", fmt.Errorf("%w: its refs are kept as %q; list it by a URL that a Git server answers", errFormat, value)
			}
		}
	}
	if format != odb.SHA1 && format != odb.SHA256 {
		return "", fmt.Errorf("%w: its object names are %q", errFormat, format)
	}
	return format, nil
}

var errRef = errors.New("a ref is malformed")

func packedRefs(root string, format odb.Format, named map[string]odb.ID) error {
	f, err := os.Open(filepath.Join(root, "packed-refs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' || line[0] == '^' {
			continue
		}
		hex, name, ok := strings.Cut(line, " ")
		id, valid := format.Parse(hex)
		if !ok || !valid {
			return fmt.Errorf("%w: in packed-refs", errRef)
		}
		named[name] = id
	}
	return lines.Err()
}

// packedSince reads packed-refs again: a ref that was packed after the first look
// and before its own file was looked for is only there.
func packedSince(root string, format odb.Format, named map[string]odb.ID) error {
	again := map[string]odb.ID{}
	if err := packedRefs(root, format, again); err != nil {
		return err
	}
	for name, id := range again {
		if _, ok := named[name]; !ok {
			named[name] = id
		}
	}
	return nil
}

// looseRefs reads HEAD, which may point at no branch, and the files under refs.
// Symbolic refs are names of others.
func looseRefs(root string, format odb.Format, named map[string]odb.ID) error {
	if err := looseRef(root, "HEAD", format, named); err != nil {
		return err
	}
	return filepath.WalkDir(filepath.Join(root, "refs"), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // packed or deleted meanwhile
		}
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".lock") {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return looseRef(root, filepath.ToSlash(name), format, named)
	})
}

func looseRef(root, name string, format odb.Format, named map[string]odb.ID) error {
	raw, err := os.ReadFile(filepath.Join(root, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	text := strings.TrimSpace(string(raw))
	if strings.HasPrefix(text, "ref:") {
		return nil
	}
	id, ok := format.Parse(text)
	if !ok {
		return fmt.Errorf("%w: %s", errRef, name)
	}
	named[name] = id
	return nil
}
