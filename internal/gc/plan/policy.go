package plan

import (
	"fmt"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// Policy says what is kept.
type Policy struct {
	// KeepVersions is the number of newest distinct contents kept of each path.
	KeepVersions int
	// Rules override it; the first that matches a path decides.
	Rules []Rule
	// Grace: younger objects are kept, by the store's clock.
	Grace time.Duration
	// Quarantine passes between condemning an object and deleting it.
	Quarantine time.Duration
	// OrphanAfter: objects that no history names are condemned at this age;
	// zero: they are only reported.
	OrphanAfter time.Duration
	// DeleteLimitPercent of the objects may be condemned or deleted in one run.
	DeleteLimitPercent int
}

// Rule is what is kept of the paths that it matches: exactly one of Versions,
// Age and All is set.
type Rule struct {
	// Text for people: the rule as the tenant wrote it.
	Text     string
	path     *glob
	suffix   string
	Versions int
	Age      time.Duration
	All      bool
}

// FromConfig reads the policy of a configuration. An error names the field that
// must change; a policy that is not understood completely is not applied at all.
func FromConfig(c *serverconfig.Config) (Policy, error) {
	p := Policy{KeepVersions: int(c.Policy.KeepVersions), DeleteLimitPercent: c.GC.DeleteLimitPercent}
	if p.KeepVersions < 1 {
		return p, fmt.Errorf("keepVersions is %d: it must be at least 1", p.KeepVersions)
	}
	for field, d := range map[string]struct {
		text string
		to   *time.Duration
	}{
		"gc.gracePeriod": {c.GC.GracePeriod, &p.Grace},
		"gc.quarantine":  {c.GC.Quarantine, &p.Quarantine},
		"gc.orphanAfter": {c.GC.OrphanAfter, &p.OrphanAfter},
	} {
		if d.text == "" && field == "gc.orphanAfter" {
			continue
		}
		v, err := time.ParseDuration(d.text)
		if err != nil || v < 0 {
			return p, fmt.Errorf("%s: %q is not a duration such as 168h", field, d.text)
		}
		*d.to = v
	}
	for i, r := range c.GC.Rules {
		rule, err := ruleFrom(r)
		if err != nil {
			return p, fmt.Errorf("gc.rules[%d]: %w", i, err)
		}
		p.Rules = append(p.Rules, rule)
	}
	return p, nil
}

func ruleFrom(r serverconfig.GCRule) (Rule, error) {
	rule := Rule{suffix: r.Suffix, All: r.All}
	var where, keep []string
	if r.Path != "" {
		g, err := compile(r.Path)
		if err != nil {
			return rule, err
		}
		rule.path = g
		where = append(where, "path "+r.Path)
	}
	if r.Suffix != "" {
		where = append(where, "suffix "+r.Suffix)
	}
	if r.Versions != nil {
		rule.Versions = int(*r.Versions)
		keep = append(keep, fmt.Sprintf("the newest %d versions", *r.Versions))
		if rule.Versions < 1 {
			return rule, fmt.Errorf("keep.versions is %d: it must be at least 1", rule.Versions)
		}
	}
	if r.Age != "" {
		d, err := time.ParseDuration(r.Age)
		if err != nil || d <= 0 {
			return rule, fmt.Errorf("keep.age: %q is not a duration such as 2160h", r.Age)
		}
		rule.Age = d
		keep = append(keep, "versions superseded less than "+r.Age+" ago")
	}
	if r.All {
		keep = append(keep, "all versions")
	}
	if len(where) == 0 || len(keep) != 1 {
		return rule, fmt.Errorf("a rule needs path or suffix, and exactly one of keep.versions, keep.age and keep.all")
	}
	rule.Text = fmt.Sprintf("%s: keep %s", strings.Join(where, ", "), keep[0])
	return rule, nil
}

// matches says whether a rule is about a path.
func (r Rule) matches(path string) bool {
	return (r.path == nil || r.path.match(path)) && strings.HasSuffix(path, r.suffix)
}

// rule returns the index of the rule that decides about a path, or -1.
func (p Policy) rule(path string) int {
	for i, r := range p.Rules {
		if r.matches(path) {
			return i
		}
	}
	return -1
}

// String is the policy in one line, as tombstones carry it.
func (p Policy) String() string {
	text := fmt.Sprintf("keepVersions %d", p.KeepVersions)
	for _, r := range p.Rules {
		text += "; " + r.Text
	}
	if p.OrphanAfter > 0 {
		text += "; orphanAfter " + p.OrphanAfter.String()
	}
	return text
}
