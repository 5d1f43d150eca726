// Package upload is the one engine beneath all multipart dialects: it begins,
// resumes, finishes and aborts uploads, and knows nothing of how a client's
// dialect words any of that.
//
// An upload goes to a staging key of its own and is registered under the prefix
// before its URLs go out: any replica can resume, finish or sweep it, on any
// store. Finishing is a chain of steps, each of which finds out from the store
// how far the one before has come, so that it can be cut off anywhere and begun
// again by anybody:
//
//	the final object is there          → done
//	the parts are there                → Complete, at the staging key
//	the staging object is there        → read it back, compare, copy
//	it is not what its OID says        → staging object and register go
//
// After Complete no URL of the upload writes anything any more: what is proven is
// what is copied. The rest is in objectstore/publish.go.
package upload
