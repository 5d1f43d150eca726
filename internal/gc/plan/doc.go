// Package plan decides what garbage collection does with every object: a pure
// function of a live set, a listing of the store, the index, the policy and the
// store's time. It reads sorted streams and spills to disk, so that its memory
// does not grow with the history.
//
// A Plan can be written down and holds for exactly one index: whoever carries it
// out does so by a conditional write against the ETag that it was made from, so
// that it cannot be used twice.
package plan
