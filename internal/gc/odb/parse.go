package odb

import (
	"bytes"
	"errors"
	"strconv"
)

// CommitInfo is what a commit says of itself, without its message.
type CommitInfo struct {
	Tree    ID
	Parents []ID
	// When is the committer's time in Unix seconds.
	When int64
}

var errCommit = errors.New("malformed commit")

// ParseCommit reads a commit.
func (f Format) ParseCommit(content []byte) (c CommitInfo, err error) {
	haveTree, haveWhen := false, false
	for len(content) > 0 && content[0] != '\n' {
		var line []byte
		line, content, _ = bytes.Cut(content, []byte("\n"))
		key, value, _ := bytes.Cut(line, []byte(" "))
		switch string(key) {
		case "tree":
			c.Tree, haveTree = f.Parse(string(value))
		case "parent":
			id, ok := f.Parse(string(value))
			if !ok {
				return c, errCommit
			}
			c.Parents = append(c.Parents, id)
		case "committer":
			// "Name <address> 1700000000 +0100"; the name is anybody's guess.
			if fields := bytes.Fields(value[bytes.LastIndexByte(value, '>')+1:]); len(fields) > 0 {
				c.When, err = strconv.ParseInt(string(fields[0]), 10, 64)
				haveWhen = err == nil
			}
		}
	}
	if !haveTree {
		return c, errCommit
	}
	if !haveWhen {
		c.When = 0 // as git has it; ancestors then decide
	}
	return c, nil
}

// ParseTag returns what a tag is about.
func (f Format) ParseTag(content []byte) (ID, error) {
	line, _, _ := bytes.Cut(content, []byte("\n"))
	id, ok := f.Parse(string(bytes.TrimPrefix(line, []byte("object "))))
	if !ok {
		return id, errors.New("malformed tag")
	}
	return id, nil
}

// Entry is one line of a tree. It is only valid as long as the tree's content.
type Entry struct {
	// Mode in octal digits, such as 100644.
	Mode []byte
	Name []byte
	// Raw is the object's name; see Format.ID.
	Raw []byte
}

// ID of a raw name.
func (f Format) ID(raw []byte) ID { return f.raw(raw) }

var errTree = errors.New("malformed tree")

// NextEntry reads the first entry of what is left of a tree; the tree must not be empty.
func (f Format) NextEntry(tree []byte) (e Entry, rest []byte, err error) {
	space := bytes.IndexByte(tree, ' ')
	if space < 0 {
		return e, nil, errTree
	}
	nul := space + 1 + bytes.IndexByte(tree[space+1:], 0)
	end := nul + 1 + f.Size()
	if nul < space+2 || len(tree) < end || bytes.IndexByte(tree[space+1:nul], '/') >= 0 {
		return e, nil, errTree
	}
	return Entry{Mode: tree[:space], Name: tree[space+1 : nul], Raw: tree[nul+1 : end]}, tree[end:], nil
}
