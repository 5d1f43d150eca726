// Package storesession is the contract between the server of a repository, which
// holds no key of its store, and the issuer beside it, which does.
//
// The server sends a token of its own ServiceAccount, which says who it is, and a
// grant of the operator's, which says what that ServiceAccount may have: one
// prefix of one bucket. The answer holds sessions of the store's STS that can do
// no more than that.
//
// Neither is worth anything alone. A grant is no secret, and stands in the
// rendered configuration; the token ends with the pod that it was made for. So the
// issuer keeps no list of repositories, which would lag behind and grow.
package storesession

import (
	"errors"
	"time"
)

// Path takes a POST of a Request with "Authorization: Bearer {token}".
const Path = "/v1/sessions"

// Audience of the tokens that the issuer takes.
const Audience = "lfs-operator.dev/store-sessions"

// Request asks for sessions.
type Request struct {
	// Grant is what Sign returned.
	Grant string `json:"grant"`
}

// Answer holds three sessions for the same prefix.
type Answer struct {
	// Own may do what a server and its jobs have to.
	Own Session `json:"own"`
	// Upload may put objects and parts, and nothing else; Download may get objects.
	Upload   Session `json:"upload"`
	Download Session `json:"download"`
	// ExpiresIn is how many seconds are left of the first that ends, so that no
	// clocks need to agree.
	ExpiresIn int64 `json:"expiresIn"`
}

// Session is a temporary key.
type Session struct {
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	SessionToken    string `json:"sessionToken"`
}

// Problem is the body of every other answer. Message is for people and holds no
// secret.
type Problem struct {
	Message string `json:"message"`
}

// DefaultDuration of a session. Links live for 12 hours at most, and sessions are
// renewed when half of them is over: so none is ever cut short where the store
// makes sessions of that length.
const DefaultDuration = 24 * time.Hour

// ErrBadGrant: nobody who may has signed that, or it cannot be kept to.
var ErrBadGrant = errors.New("the grant is not valid")
