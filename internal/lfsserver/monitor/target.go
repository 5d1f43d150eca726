// Package monitor watches the store on behalf of the operator and of everyone
// who pushes: can it be reached, may we use it, is the prefix ours, does it do
// what promises rest on. Requests are served only while all of that holds.
package monitor

import (
	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// Problem is why nothing can be served. Its Reason is one of serverstatus's.
type Problem struct {
	Reason  string
	Message string
}

// Target is what to watch. It is immutable; a new configuration or Secret makes
// a new one.
type Target struct {
	// Location names endpoint, bucket, prefix and repository. A verdict about
	// one location says nothing about another.
	Location string
	// Revision changes with the location and with the credentials: what a probe
	// found holds for one revision.
	Revision string
	// Problem found already in the files; then there may be no Store.
	Problem *Problem
	// Session says why there is no session with the store; nil where the server
	// holds a key.
	Session func() *Problem

	Store   *objectstore.S3
	Signer  *objectstore.URLSigner
	Prefix  layout.Prefix
	Owner   objectstore.Owner
	Storage serverconfig.Storage
	// Adopts is true where there may be an adoption to report.
	Adopts bool
}
