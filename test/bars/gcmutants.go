package main

// edit replaces a text that occurs exactly once in a file.
type edit struct{ file, old, new string }

// mutant is the real code of garbage collection and of the server with one guard
// switched off. The compiler gets the changed files instead of the real ones
// (go build -overlay), so the product holds no switches.
type mutant struct {
	name  string
	edits []edit
	// redundant says why nothing is lost without this guard, which stays as a second
	// line. Empty for all guards that are needed.
	redundant string
}

const (
	planFile     = "internal/gc/plan/decide.go"
	condemnFile  = "internal/gc/sweep/condemn.go"
	guardsFile   = "internal/gc/sweep/guards.go"
	deleteFile   = "internal/gc/sweep/delete.go"
	cleanupFile  = "internal/gc/sweep/cleanup.go"
	storeFile    = "internal/gc/index/store.go"
	guardFile    = "internal/gc/index/guard.go"
	batchGuard   = "internal/lfsserver/batch/guard.go"
	batchService = "internal/lfsserver/batch/service.go"
	batchUpload  = "internal/lfsserver/batch/upload.go"
	indexFile    = "internal/gc/index/index.go"
	verdictFile  = "internal/gc/plan/verdict.go"
	stopFile     = "internal/gc/sweep/stop.go"
	livesetFile  = "internal/gc/liveset/read.go"
	belowFile    = "internal/gc/sweep/below.go"
	hiddenFile   = "internal/gc/sweep/hidden.go"
	versionsFile = "internal/gc/sweep/versions.go"
	memoryFile   = "internal/lfsserver/presence/memory.go"
)

// mutants: a line for each guard of docs/concepts/gc.md, "What each guard is for".
var mutants = []mutant{
	{name: "no quarantine", edits: []edit{{planFile,
		"d.ScanStarted.Before(e.CondemnedAt.Add(d.Policy.Quarantine+second)) ||", ""}}},
	{name: "what history says now counts only before condemning", edits: []edit{{planFile,
		"case s.verdict != nil && s.verdict.keeps():\n\t\treturn set(Keep", "case s.entry == nil && s.verdict != nil && s.verdict.keeps():\n\t\treturn set(Keep"}}},
	{name: "a scan of any age will do", edits: []edit{{guardsFile, "age > r.Limits.ScanAge {", "age > 1000*r.Limits.ScanAge {"}}},
	{name: "no marker", edits: []edit{{batchGuard, "err := view.Rescue(ctx, oid); err != nil", "err := error(nil); err != nil"}}},
	{name: "a marker that could not be written is as good as one", edits: []edit{{batchGuard,
		"return Busy(\"an object could not be kept from garbage collection\", err)", "_ = err"}}},
	{name: "the index is not read for every batch", edits: []edit{{guardFile,
		"\tbody, info, err := g.bucket.Get(ctx, g.prefix.GCIndex(), known.etag)\n",
		"\tif known.etag != \"\" {\n\t\treturn known, nil\n\t}\n\tbody, info, err := g.bucket.Get(ctx, g.prefix.GCIndex(), known.etag)\n"}}},
	{name: "objects are looked for before the index is read", edits: []edit{
		{batchService, "\tanswers, err := begin(ctx, dialect, req.Objects)\n",
			"\tearly := map[string]error{}\n\tfor _, o := range req.Objects {\n\t\t_, early[o.OID] = s.Bucket.Head(ctx, s.Prefix.Object(o.OID))\n\t}\n" +
				"\tctx = context.WithValue(ctx, Service{}.Prefix, early)\n\tanswers, err := begin(ctx, dialect, req.Objects)\n"},
		{batchUpload, "\tinfo, err := s.Bucket.Head(ctx, s.Prefix.Object(o.OID))\n\tswitch {\n\tcase errors.Is(err, objectstore.ErrNotFound):\n\t\treturn s.wanted(",
			"\tinfo := objectstore.Info{Size: o.Size.Bytes}\n\terr := ctx.Value(Service{}.Prefix).(map[string]error)[o.OID]\n" +
				"\tswitch {\n\tcase errors.Is(err, objectstore.ErrNotFound):\n\t\treturn s.wanted("}}},
	{name: "what is being deleted is treated like what is condemned", edits: []edit{
		{batchGuard, "\tcase Deleting:\n\t\treturn", "\tcase -1:\n\t\treturn"},
		{batchGuard, "\tcase Condemned:\n\t\tif err", "\tcase Condemned, Deleting:\n\t\tif err"}}},
	{name: "a sweep does not wait for servers", edits: []edit{{deleteFile,
		"wait := r.Limits.AnswerWithin + second", "wait := time.Duration(0)"}}},
	{name: "markers are not listed after the wait", edits: []edit{{deleteFile,
		"\t\t\tfates[e.OID] = rescued\n", "\t\t\t_ = e\n"}}},
	{name: "writes of the index are unconditional", edits: []edit{{storeFile,
		"cond := objectstore.Condition{IfMatch: r.ETag, IfAbsent: r.ETag == \"\"}", "var cond objectstore.Condition"}}},
	{name: "a lease keeps nobody away", edits: []edit{
		{guardsFile, "!now.After(over) {", "false && !now.After(over) {"},
		{guardFile, "err != nil || !info.Date.After(s.header.LeaseEnd.Add(TakeoverMargin)) {", "err != nil || info.Date.IsZero() {"}}},
	{name: "a delete never expires", edits: []edit{{deleteFile,
		"r.examined(e), at, r.Limits.Expiry)", "r.examined(e), at, 1000*r.Limits.Expiry)"}}},
	{name: "the index is closed while a delete is unanswered", edits: []edit{{deleteFile,
		"return fates[e.OID] == unanswered })", "return false })"}}},
	{name: "markers are removed at once", edits: []edit{{cleanupFile, "if !m.Closed(r.index.Index) {", "if false {"}}},
	{name: "what is remembered outlives its generation", edits: []edit{{memoryFile,
		"if e == nil || e.generation != generation {", "if e == nil {"}}},
	{name: "a scan that was cut off passes for a whole one", edits: []edit{
		{livesetFile, "\treturn Trailer{}, fmt.Errorf(\"%w: it ends without its last line\", ErrIncomplete)", "\treturn Trailer{Complete: true}, nil"},
		{livesetFile, "\t\t\treturn Trailer{}, fmt.Errorf(\"%w: %w\", ErrIncomplete, b.err)\n", "\t\t\treturn Trailer{Complete: true}, nil\n"}}},
	{name: "locks are not looked at", edits: []edit{{verdictFile, "ok && reason == Superseded {", "ok && reason == \"\" {"}}},
	{name: "uploads under way are not looked at", edits: []edit{{planFile, "case d.Protected.Uploading[s.oid]:", "case false:"}}},
	{name: "a stop does not reach the run under way", edits: []edit{{stopFile, "if now.GC.Suspended && !r.dry() {", "if false {"}}},
	{name: "where the bucket keeps versions a DELETE need not expire", edits: []edit{{condemnFile,
		"!r.caps.PresignExpiry {", "!r.caps.PresignExpiry && !r.caps.Versioned {"}}},
	{name: "a DELETE names no version", edits: []edit{{deleteFile, "r.examined(e), at,", "\"\", at,"}}},
	{name: "a DELETE names another version than the one examined", edits: []edit{{deleteFile,
		"if e.Version == \"\" && r.caps.Versioned {", "if r.caps.Versioned {"}}},
	{name: "what lies under the examined version stays", edits: []edit{{belowFile, "case v.VersionID == e.Version, v.Latest,", "case true, v.Latest,"}}},
	{name: "what is older than the versions of a bucket is deleted without naming a version", edits: []edit{{deleteFile,
		"if e.Version == \"\" && r.caps.Versioned {", "if false {"}}},
	{name: "what history needs goes when it is hidden for long enough", edits: []edit{{hiddenFile,
		"needed = append(needed, oid)", "out[oid] = r.policy.Quarantine"}}},
	{name: "what a lock keeps goes when it is hidden for long enough", edits: []edit{{hiddenFile,
		"if d.Reason == plan.Locked {", "if false {"}}},
	{name: "what is hidden goes at once", edits: []edit{{versionsFile, "r.started.Add(-wait - second)", "now.Add(0 * wait)"}}},
	{name: "a DELETE of what is hidden never expires", edits: []edit{{versionsFile, "version, at, r.Limits.Expiry)", "version, at, 1000*r.Limits.Expiry)"}}},
	{name: "what is hidden goes however long ago history and locks were read", edits: []edit{{versionsFile,
		"at.Add(r.Limits.Expiry).After(r.started", "false && at.Add(r.Limits.Expiry).After(r.started"}}},
	{name: "a delete marker stays when nothing is under it", edits: []edit{{versionsFile, "out = append(out, all[0])", "_ = all[0]"}}},
	{name: "of the server's own records the oldest version counts as the latest", edits: []edit{
		{versionsFile, "map[bool]int{true: -1, false: 1}[a.Latest]", "map[bool]int{true: 1, false: -1}[a.Latest]"},
		{versionsFile, " && !all[i].Latest {", " {"}}},
	{name: "the index is not looked at before a DELETE",
		edits:     []edit{{deleteFile, "if err != nil || info.ETag != r.index.ETag || !info.Date.Before(r.index.LeaseEnd) {", "if _ = info; false {"}},
		redundant: "signatures never outlive the lease, and nobody takes over before it ends (model: NOCHECK=1)"},
	{name: "no marker for a condemned object that is absent",
		edits: []edit{{batchUpload, "\t\t\tif err := Protect(ctx, view, o.OID); err != nil {",
			"\t\t\t_, headErr := s.Bucket.Head(ctx, s.Prefix.Object(o.OID))\n\t\t\tif absent := errors.Is(headErr, objectstore.ErrNotFound); absent && view.State(o.OID) == Condemned {\n" +
				"\t\t\t} else if err := Protect(ctx, view, o.OID); err != nil {"}},
		redundant: "what was uploaded again is known by its time of upload, and what is absent leaves the index in the next write"},
	{name: "the index has no nonce",
		edits: []edit{{indexFile, "return hex.EncodeToString(b[:])", "return hex.EncodeToString(b[:0])"}},
	},
}
