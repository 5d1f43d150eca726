package layout

// Lock is the key of the lock on one path, or of what a released one left.
// name is hexadecimal and made of the path by package locks. Its first digit is a
// folder, so that a long listing can be asked for in parts.
func (p Prefix) Lock(name string) string { return p.LocksOf(name[0]) + name }

// LocksOf is the prefix of the locks whose name begins with that digit.
func (p Prefix) LocksOf(digit byte) string { return p.Locks() + string(digit) + "/" }

// Locks is the prefix of all locks.
func (p Prefix) Locks() string { return string(p) + metaDir + "locks/" }

// LockCache is the key of what the servers remember of the locks, to spare each
// other reading them one by one. Nothing depends on it.
func (p Prefix) LockCache() string { return string(p) + metaDir + "lock-cache.json" }
