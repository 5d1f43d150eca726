// Package scan reads the refs of the listed Git repositories and finds every LFS
// object that their history names, with the order of the versions of each path.
//
// It needs Git's wire protocol (https, http, ssh) or a mounted path, and no git
// binary: commits, trees and blobs of at most pointer.MaxSize bytes are fetched
// where the server can filter, everything where it cannot. What it cannot read
// completely is an error, never a smaller answer: garbage collection deletes
// what a live set does not name.
package scan
