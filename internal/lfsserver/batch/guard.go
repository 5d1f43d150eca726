package batch

import "context"

// State of an OID in garbage collection's index.
type State int

// The states.
const (
	// Unlisted: garbage collection has no plans with it.
	Unlisted State = iota
	// Condemned: it goes unless somebody wants it. Wanting is a marker.
	Condemned
	// Deleting: it may vanish at any moment; nothing can be said of it now.
	Deleting
)

// Guard keeps uploads and garbage collection from losing each other's objects.
// The order of its calls is what the proof rests on: the index is read before
// any object is looked for, and a condemned object is marked before it is.
type Guard interface {
	// Begin reads the index once for a batch. A failure fails the batch.
	Begin(ctx context.Context) (View, error)
	// Tombstone says why an object that is not there was pruned, "" if it never
	// was.
	Tombstone(ctx context.Context, oid string) (reason string, err error)
}

// View is the index as one batch sees it. Safe for concurrent use.
type View interface {
	// Generation names the index that was read; none ever comes back.
	Generation() string
	// State of an OID.
	State(oid string) State
	// Rescue marks a condemned OID as wanted, whether it is there or not. On
	// failure or doubt nothing may be said of the object.
	Rescue(ctx context.Context, oid string) error
}

// listing is a View for package presence.
type listing struct{ View }

// Listed implements presence.Index.
func (l listing) Listed(oid string) bool { return l.State(oid) != Unlisted }

// Protect comes before an object is looked for, answered or written: one that is
// being deleted is BusyError, and one that is condemned is marked as wanted.
func Protect(ctx context.Context, view View, oid string) error {
	switch view.State(oid) {
	case Deleting:
		return &BusyError{RetryAfter: afterDeletion,
			Message: "garbage collection is removing one of these objects right now; try again"}
	case Condemned:
		if err := view.Rescue(ctx, oid); err != nil {
			return Busy("an object could not be kept from garbage collection", err)
		}
	}
	return nil
}

// Gate is Protect for a single object outside of a batch: right before it becomes
// visible, and before it is looked for. It has as long as a batch.
func Gate(ctx context.Context, g Guard, oid string) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	view, err := g.Begin(ctx)
	if err != nil {
		return Busy("garbage collection's index cannot be read", err)
	}
	return Protect(ctx, view, oid)
}
