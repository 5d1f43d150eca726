package lfstest

import (
	"os"
	"path/filepath"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

func (s *Server) path(name string) string { return filepath.Join(s.Dir, name) }

// WriteFile replaces a mounted file the way a volume does: at once.
func (s *Server) WriteFile(name, content string) {
	s.t.Helper()
	path := s.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		s.t.Fatal(err)
	}
}

// ReadFile returns a mounted file.
func (s *Server) ReadFile(name string) string {
	s.t.Helper()
	b, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// RemoveFile takes a mounted file away.
func (s *Server) RemoveFile(name string) {
	s.t.Helper()
	if err := os.RemoveAll(s.path(name)); err != nil {
		s.t.Fatal(err)
	}
}

// PutCredentials mounts the store's Secret.
func (s *Server) PutCredentials(access, secret string) {
	s.t.Helper()
	s.WriteFile("credentials/"+serverconfig.KeyAccessKeyID, access+"\n")
	s.WriteFile("credentials/"+serverconfig.KeySecretAccessKey, secret+"\n")
}

func (s *Server) writeConfig() string {
	s.t.Helper()
	raw, err := serverconfig.Marshal(&s.Config)
	if err != nil {
		s.t.Fatal(err)
	}
	s.WriteFile(s.configFile, string(raw))
	return serverconfig.Hash(raw)
}

// Reconfigure changes the configuration and waits until it is in force.
func (s *Server) Reconfigure(change func(*serverconfig.Config)) {
	s.t.Helper()
	change(&s.Config)
	hash := s.writeConfig()
	s.Eventually("the new configuration is in force", func() (bool, string) {
		st := s.Status()
		return st.Config.Hash == hash, st.Config.Error
	})
}
