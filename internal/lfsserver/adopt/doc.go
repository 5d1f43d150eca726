// Package adopt takes objects over that lie in a bucket already: those of another
// LFS server, or of a repository that is gone.
//
// The name of an object is a claim, not a proof. So every one is read and hashed
// before it counts, and what is not what its name says is reported and never
// served.
//
// From another prefix or bucket, objects are copied. Each goes through the server's
// own way of receiving an object (package stream): the store compares a small one
// with its OID, the parts of a large one are hashed on their way, so that it does
// not matter who may still write to the source. Nothing there is changed. A second
// run skips what is there, and clients may push meanwhile. Two runs at once do the
// work twice.
//
// From the repository's own prefix (the cluster was built anew, and with it the
// LFSRepository) nothing is copied. It must have been another LFSRepository's,
// since only then no link can be left that writes anything to a final key. The
// owner object is taken over, with a note that servers do not serve yet; when all
// is proven, the note goes. What is wrong is moved out of the way. Only the run
// whose lease the note names may do that: the next one takes over when the lease
// is over by the store's clock, and the requests that delete are signed to expire
// before (the same fence as in garbage collection). So none can hit an object that
// was pushed since.
package adopt
