// Command mkimage packs files into a container image without a container engine
// and without a base image: one layer, in the docker-archive format, which every
// runtime can load.
//
//	mkimage -o OUT.tar -name NAME [flags] PATH=FILE...
//
// Each PATH=FILE puts a file of this machine at a path of the image. Missing
// folders are made. The same input gives the same bytes: entries are sorted, and
// owners and times are fixed.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// image is what to make.
type image struct {
	name       string
	entrypoint string
	user       string
	env        list
	layer      layer
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mkimage:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	img := image{layer: layer{}}
	var dirs, links list
	fs := flag.NewFlagSet("mkimage", flag.ContinueOnError)
	out := fs.String("o", "", "`file` to write (required)")
	fs.StringVar(&img.name, "name", "", "image `name` with its tag (required)")
	fs.StringVar(&img.entrypoint, "entrypoint", "", "`path` of the program to run")
	fs.StringVar(&img.user, "user", "65532:65532", "numeric `uid:gid` to run as; kubelet cannot check that a name is not root")
	fs.Var(&img.env, "env", "`NAME=VALUE` of the environment (may be repeated)")
	fs.Var(&dirs, "dir", "`PATH[:MODE]` of a folder, as /tmp:1777 (may be repeated)")
	fs.Var(&links, "link", "`PATH=TARGET` of a symbolic link (may be repeated)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *out == "" || img.name == "" {
		return errors.New("-o and -name are required")
	}
	if err := img.fill(fs.Args(), dirs, links); err != nil {
		return err
	}
	size, err := img.write(*out)
	if err != nil {
		return err
	}
	fmt.Printf("%-40s %6.1f MB unpacked\n", img.name, float64(size)/1e6)
	return nil
}

func (img *image) fill(files, dirs, links list) error {
	img.layer.addUsers()
	for _, f := range files {
		path, source, ok := strings.Cut(f, "=")
		if !ok {
			return fmt.Errorf("%q is not PATH=FILE", f)
		}
		if err := img.layer.addFile(path, source); err != nil {
			return err
		}
	}
	for _, d := range dirs {
		path, text, ok := strings.Cut(d, ":")
		mode := int64(0o755)
		if ok {
			var err error
			if mode, err = strconv.ParseInt(text, 8, 64); err != nil {
				return fmt.Errorf("-dir %s: %w", d, err)
			}
		}
		img.layer.addDir(path, mode)
	}
	for _, l := range links {
		path, target, ok := strings.Cut(l, "=")
		if !ok {
			return fmt.Errorf("%q is not PATH=TARGET", l)
		}
		img.layer.addLink(path, target)
	}
	return nil
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }
