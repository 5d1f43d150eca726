// Package desired turns what is known of an LFSRepository into the Kubernetes
// objects that it should become.
//
// Everything here is pure: [Inputs] go in, apply configurations come out, one
// file per kind. No client, no clock and no random number is used, so that the
// same inputs give the same bytes and golden files can show them. A builder
// returns nil where its object is not wanted.
package desired
