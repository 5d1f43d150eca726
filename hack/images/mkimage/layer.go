package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

// layer is the content of an image by path, without a slash at the front.
type layer map[string]entry

type entry struct {
	header tar.Header
	open   func() (io.ReadCloser, error) // nil but for files
}

// addUsers names the user that our images run as: some programs fail for a user
// who is not in /etc/passwd.
func (l layer) addUsers() {
	for name, content := range map[string]string{
		"etc/passwd": "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n",
		"etc/group":  "root:x:0:\nnonroot:x:65532:\n",
	} {
		l.add(name, tar.Header{Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}, func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(content)), nil
		})
	}
}

// addFile follows links: what matters is what would be read on this machine.
func (l layer) addFile(name, source string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", source)
	}
	mode := int64(0o644)
	if info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	l.add(name, tar.Header{Typeflag: tar.TypeReg, Mode: mode, Size: info.Size()}, func() (io.ReadCloser, error) {
		return os.Open(source)
	})
	return nil
}

func (l layer) addDir(name string, mode int64) {
	l.add(name, tar.Header{Typeflag: tar.TypeDir, Mode: mode}, nil)
}

func (l layer) addLink(name, target string) {
	l.add(name, tar.Header{Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: target}, nil)
}

func (l layer) add(name string, header tar.Header, open func() (io.ReadCloser, error)) {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	header.Name = name
	if header.Typeflag == tar.TypeDir {
		header.Name += "/"
	}
	l[name] = entry{header: header, open: open}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if _, ok := l[dir]; !ok {
			l[dir] = entry{header: tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}}
		}
	}
}

// write writes the layer as a tar, parents before children, and returns the
// bytes of its files.
func (l layer) write(w io.Writer) (size int64, err error) {
	out := tar.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(l)) {
		if err := l[name].write(out); err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		size += l[name].header.Size
	}
	return size, out.Close()
}

func (e entry) write(out *tar.Writer) error {
	header := e.header
	if err := out.WriteHeader(&header); err != nil || e.open == nil {
		return err
	}
	content, err := e.open()
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.Copy(out, content)
	return err
}

// writeBytes adds one file to an archive.
func writeBytes(out *tar.Writer, name string, content []byte) error {
	header := tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}
	return entry{header: header, open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}}.write(out)
}
