package sweep

import (
	"fmt"
	"reflect"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// stopped is the switch of an administrator or the tenant. A dry run changes
// nothing, and may be what they want to look at.
func (r *run) stopped(now *serverconfig.Config) error {
	if now.GC.Suspended && !r.dry() {
		return stop("Suspended", "garbage collection is suspended (LFSStore: spec.gc.suspend or spec.readOnly; LFSRepository: spec.suspend): "+
			"nothing more is condemned or deleted until that is taken back")
	}
	return nil
}

// wanted reads the configuration again: nobody has stopped garbage collection since
// the run began, or changed what it may delete. It stands before each write that
// condemns or deletes. A configuration that cannot be read is a reason to stop.
func (r *run) wanted() error {
	if r.Current == nil {
		return nil
	}
	now, err := r.Current()
	if err != nil {
		return fmt.Errorf("looking whether garbage collection may go on: %w", err)
	}
	if err := r.stopped(now); err != nil {
		return err
	}
	if !reflect.DeepEqual(rulesOf(now), rulesOf(r.Config)) {
		return stop("PolicyChanged", "what garbage collection may delete was changed while it ran: nothing more was condemned or deleted; "+
			"the next run goes by the new policy")
	}
	return nil
}

// rules are all that decides about objects.
type rules struct {
	gc           serverconfig.GC
	keepVersions int32
	history      string
}

func rulesOf(c *serverconfig.Config) rules {
	gc := c.GC
	gc.Schedule, gc.TimeZone = "", ""
	return rules{gc, c.Policy.KeepVersions, c.HistoryRevision}
}
