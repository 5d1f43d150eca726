// Package locks keeps file locks (git-lfs, docs/api/locking.md) in the bucket,
// without a database and without a leader: any replica takes, lists and releases
// any lock, and one that is killed leaves nothing half done.
//
// Every path has one key, made of the path's hash. What lies there is either a
// lock or its tombstone, and each change is one conditional write: a lock is
// taken by If-None-Match on a key that is free or by If-Match on a tombstone, and
// released by If-Match with its tombstone. No two contents are alike, so an ETag
// never comes back, and of many writers exactly one wins. A write whose answer was
// lost is looked up: the ID in it tells whose it was.
//
// A lock holds for its path on every ref. The ref that clients send is kept with
// the lock and decides nothing: the API's description reserves it for
// authentication, and a lock that the next branch ignores protects no binary file
// from a merge that nobody can do.
//
// Listing asks the store for the keys with their ETags, and knows by the ETag
// what lies there without reading it again (cache.go). What the store lists is
// the truth; what is remembered only spares requests.
//
// Tombstones go after a while. DELETE knows no conditions that all stores honour,
// so it is fenced by time instead (tidy.go).
package locks
