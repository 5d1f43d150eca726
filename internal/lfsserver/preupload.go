package lfsserver

import (
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/gc/pointer"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/gitignore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/policy"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// Limits of a preupload. huggingface_hub asks about 256 files at a time,
// @huggingface/hub about 100, each with a sample of 512 bytes.
const (
	maxPreuploadFiles   = 1000
	maxPreuploadBody    = maxPreuploadFiles * 2048
	maxPreuploadIgnores = 1000
	// Each folder of a path is compared with each line of a .gitignore.
	maxPreuploadPath, maxPreuploadDepth = 4096, 50
)

// preuploadRequest asks which files of a commit belong in LFS. "oid" and
// "sha256" of a file are not read: whether its path already has that content, at
// the revision of the request, is Git's to know.
type preuploadRequest struct {
	Files []preuploadFile `json:"files"`
	// GitIgnore is the .gitignore of the commit, where the client has one.
	GitIgnore string `json:"gitIgnore"`
}

type preuploadFile struct {
	Path string     `json:"path"`
	Size batch.Size `json:"size"`
	// Sample is the beginning of the file, at most 512 bytes, in base64.
	Sample string `json:"sample"`
}

type preuploadAnswer struct {
	Files []preuploadVerdict `json:"files"`
}

// preuploadVerdict on a file. UploadMode is "lfs" or "regular".
type preuploadVerdict struct {
	Path         string `json:"path"`
	UploadMode   string `json:"uploadMode"`
	ShouldIgnore bool   `json:"shouldIgnore"`
}

// preupload says which files of a commit belong in LFS (huggingface_hub,
// _commit_api.py, _fetch_upload_modes).
func (s *Server) preupload(c *call) error {
	id, err := s.identify(c)
	if err != nil {
		return err
	}
	if err := permit(c, id, policy.Upload); err != nil {
		return err
	}
	if c.tail == "" {
		return errNoRoute // a revision is missing
	}
	req, err := readPreupload(c)
	if err != nil {
		return err
	}
	c.info.operation, c.info.objects = "preupload", len(req.Files)
	answer := preuploadAnswer{Files: make([]preuploadVerdict, len(req.Files))}
	err = s.inTurn(c, func(context.Context) error {
		list := gitignore.Parse(req.GitIgnore)
		for i, f := range req.Files {
			answer.Files[i] = preuploadVerdict{
				Path: f.Path, UploadMode: f.mode(c.config.Policy),
				ShouldIgnore: list.Ignores(f.Path),
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/json")
	return writeJSON(c.w, http.StatusOK, answer)
}

// readPreupload reads the request; what it returns is bounded and well-formed.
func readPreupload(c *call) (*preuploadRequest, error) {
	var req preuploadRequest
	if err := c.readJSON(maxPreuploadBody, &req); err != nil {
		return nil, err
	}
	if len(req.Files) > maxPreuploadFiles || strings.Count(req.GitIgnore, "\n") > maxPreuploadIgnores {
		return nil, errTooManyFiles
	}
	for i, f := range req.Files {
		if !isFilePath(f.Path) {
			return nil, badRequest("files[%d].path: want the path of a file, relative to the repository, with / and without . and ..", i)
		}
		if !f.Size.Valid {
			return nil, badRequest("files[%d].size: want a whole number of bytes, 0 or more", i)
		}
	}
	return &req, nil
}

var errTooManyFiles = &statusError{status: http.StatusRequestEntityTooLarge, message: fmt.Sprintf(
	"too much at once: at most %d files and %d lines of .gitignore; ask in several requests", maxPreuploadFiles, maxPreuploadIgnores)}

// isFilePath says whether Git could have a file of that path.
func isFilePath(path string) bool {
	return fs.ValidPath(path) && path != "." && len(path) <= maxPreuploadPath &&
		strings.Count(path, "/") < maxPreuploadDepth && !strings.ContainsRune(path, 0)
}

// mode of a file. One that is a pointer already stays one: git-lfs would not
// wrap it again either, and whoever cloned without the content means just that.
func (f preuploadFile) mode(p serverconfig.Policy) string {
	if f.Size.Bytes <= pointer.MaxSize {
		sample, err := base64.StdEncoding.DecodeString(f.Sample)
		if _, is := pointer.Parse(sample); err == nil && is {
			return "regular"
		}
	}
	if p.BelongsInLFS(f.Path, f.Size.Bytes) {
		return "lfs"
	}
	return "regular"
}
