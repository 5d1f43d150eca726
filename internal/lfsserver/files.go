package lfsserver

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/derive"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// files is what was found mounted at one moment. Volumes of ConfigMaps and
// Secrets swap a symbolic link, so only the content says whether anything has
// changed.
type files struct {
	config    []byte
	configErr error
	// credentials by key, without the white space around them; nil when the
	// Secret is not mounted.
	credentials map[string]string
	// keys by ID; those of the configuration are looked for, no others. Where sealed
	// is true they open the signing keys that stand in the configuration.
	keys   map[string][]byte
	sealed bool
	ca     []byte
	// issuers of JSON Web Tokens: their files by issuer and name.
	issuers map[string]map[string][]byte
	// digest of everything above.
	digest [sha256.Size]byte
}

// maxSmallFile bounds what is read of a mounted file, in bytes: a Secret or
// ConfigMap has at most 1 MiB.
const maxSmallFile = 2 << 20

// readFiles reads everything that is mounted. What is missing is left out.
func readFiles(o *Options) *files {
	f := &files{keys: map[string][]byte{}, issuers: map[string]map[string][]byte{}}
	h := sha256.New()
	f.config, f.configErr = readSmall(h, o.ConfigFile)
	f.readStore(h, o)
	issuers, _ := os.ReadDir(o.JWTDir)
	for _, e := range issuers {
		f.issuers[e.Name()] = map[string][]byte{}
		readDir(h, filepath.Join(o.JWTDir, e.Name()), f.issuers[e.Name()])
	}
	h.Sum(f.digest[:0])
	return f
}

// readStore reads what the store is reached with, and the keys.
func (f *files) readStore(h hash.Hash, o *Options) {
	for _, name := range serverconfig.StoreKeyFiles {
		if b, err := readSmall(h, filepath.Join(o.CredentialsDir, name)); err == nil {
			if f.credentials == nil {
				f.credentials = map[string]string{}
			}
			f.credentials[name] = strings.TrimSpace(string(b))
		}
	}
	readDir(h, o.KeysDir, f.keys)
	f.ca, _ = readSmall(h, o.CAFile)
}

// keysFor are the signing keys of a configuration, as far as they are there.
func (f *files) keysFor(cfg *serverconfig.Config) map[string][]byte {
	if !f.sealed {
		return f.keys
	}
	keys := map[string][]byte{}
	for _, k := range cfg.SigningKeys {
		for _, with := range f.keys {
			if key, err := derive.Unseal(with, cfg.Repository.UID, k.ID, k.Fingerprint, k.Sealed); err == nil {
				keys[k.ID] = key
			}
		}
	}
	return keys
}

// readDir reads the files of a mounted Secret.
func readDir(h hash.Hash, dir string, into map[string][]byte) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue // what the volume keeps for itself
		}
		if b, err := readSmall(h, filepath.Join(dir, e.Name())); err == nil {
			into[e.Name()] = b
		}
	}
}

// readSmall reads a file and writes its name and content to the digest.
func readSmall(h hash.Hash, path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSmallFile {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a small regular file")}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	h.Write([]byte(path + "\x00"))
	h.Write(sum[:])
	return b, nil
}
