// Package odb reads Git's object database: loose objects, packs with their
// index, and alternates, of SHA-1 and of SHA-256 repositories (gitformat-pack,
// gitformat-index; the loose format is in "Git Internals - Git Objects").
//
// Its memory does not grow with the repository: objects and large indexes stay on
// disk and are read where they are needed, beside one cache of fixed size. What
// a caller has to remember for each object it remembers under a Ref, a small
// number, in a bit or an array.
//
// Receive writes a pack that comes over the network to disk and makes its index,
// like git index-pack: the name of every object is computed from its content.
package odb
