// Package controllers reads the cluster, decides and writes. It is the only code
// that holds a client.
//
// A reconcile is a list of named steps that work on one [pass]: a deep copy of
// the LFSRepository and what was found on the way. Steps fill in status and
// collect problems; what they return says how to go on (see outcome.go). At the
// end conditions are decided from all that the steps found, and status is
// written once, if it changed.
package controllers
