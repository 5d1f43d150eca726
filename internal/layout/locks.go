package layout

// Lock is the key of the lock on one path, or of what a released one left.
// name is made of the path by package locks.
func (p Prefix) Lock(name string) string { return p.Locks() + name }

// Locks is the prefix of all locks.
func (p Prefix) Locks() string { return string(p) + metaDir + "locks/" }

// LockCache is the key of what the servers remember of the locks, to spare each
// other reading them one by one. Nothing depends on it.
func (p Prefix) LockCache() string { return string(p) + metaDir + "lock-cache.json" }
