// Package sessions keeps a store's key away from the servers that work with the
// store. The Issuer holds the key and makes sessions of it (AssumeRole), each bound
// to one prefix of one bucket; the Holder is the server's side, which asks for them,
// renews them in time, and works on with the old ones while the issuer is away.
// Package storesession is what the two say to each other. With storage of its own a
// server may have a role that it assumes by itself: then its Holder asks the store.
package sessions
