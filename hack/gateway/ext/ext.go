// Package ext is where builds of Traefik add fields to its dynamic configuration.
// Ours adds none. Traefik's own, just as empty, lies in its repository as a module
// that is published nowhere, and so cannot be required.
package ext

// HTTP is added to the configuration of HTTP.
type HTTP struct{}

// Router is added to that of each router.
type Router struct{}
