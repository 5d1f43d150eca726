// Package apply brings a set of objects into the cluster by server-side apply,
// never takes over what belongs to somebody else, and removes what is no longer
// wanted.
//
// An object that exists without the owner's controller reference is foreign and
// stays as it is: the first write makes an object, or is refused where there is one
// already, and every later one stands behind a guard. What was applied is remembered
// in memory, so that a steady owner costs no request at all; an object that somebody
// changed has another version in the informer's cache and is applied again. Nothing
// is remembered in the cluster: a hash there would hide drift.
package apply
