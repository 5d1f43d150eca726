// Package lfsserver serves one repository to Git LFS clients.
//
// It keeps no state of its own: what is stored lies in the bucket, and what a
// client needs for its next request travels in signed tokens, so any replica
// answers anything. Objects go straight between client and store, by links that
// work once the batch API has handed them out; the store itself refuses content
// that is not what its name says.
//
// Three things run side by side. The API answers clients (router.go). The
// monitor looks at the store, and nothing is promised while it finds something
// wrong (package monitor). The reloader follows the mounted files (reload.go);
// it swaps one pointer, so a request sees one configuration from its first line
// to its last.
//
// Many small repositories can share a process (Shared): each is a Server without
// ports, and nothing that one of them knows is another's.
//
// A batch that cannot be answered now gets 429 with Retry-After and never a 5xx:
// git-lfs waits for the one and gives up on the other.
package lfsserver
