package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

func TestGlob(t *testing.T) {
	tests := []struct {
		pattern string
		yes, no string // separated by spaces
	}{
		{"checkpoints/**", "checkpoints/a checkpoints/a/b", "checkpoints checkpoints2/a a/checkpoints/b"},
		{"**/x.bin", "x.bin a/x.bin a/b/x.bin", "ax.bin a/ax.bin x.bin/y"},
		{"a/**/z", "a/z a/b/z a/b/c/z", "a/bz az b/a/z"},
		{"*.bin", "a.bin .bin", "d/a.bin a.bin2"},
		{"*", "a", "a/b"},
		{"**", "a a/b a/b/c", ""},
		{"d/*", "d/a", "d/a/b d"},
		{"a**b", "ab axb a/x/b", "b/a"},
		{"v?.pt", "v1.pt vx.pt", "v.pt v12.pt v/.pt"},
		{"v[0-9].pt", "v1.pt", "vx.pt"},
		{"v[!0-9].pt", "vx.pt", "v1.pt"},
		{`a\*b`, "a*b", "axb"},
		{"a.b+c(d)", "a.b+c(d)", "axb+c(d) a.bbc(d)"},
		{"release/**", "release/1/ü.bin", "releases/1"},
	}
	for _, tc := range tests {
		g, err := compile(tc.pattern)
		if err != nil {
			t.Errorf("%s: %v", tc.pattern, err)
			continue
		}
		for _, path := range strings.Fields(tc.yes) {
			if !g.match(path) {
				t.Errorf("%s does not match %s", tc.pattern, path)
			}
		}
		for _, path := range strings.Fields(tc.no) {
			if g.match(path) {
				t.Errorf("%s matches %s", tc.pattern, path)
			}
		}
	}
}

func TestBadGlobs(t *testing.T) {
	for _, pattern := range []string{"[", "a[]b", "/abs", "a[/]b", strings.Repeat("a", 2000)} {
		if _, err := compile(pattern); err == nil {
			t.Errorf("%q was accepted", pattern)
		}
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("a/**/b", "a/b")
	f.Add("[a-z]?*", "x")
	f.Fuzz(func(_ *testing.T, pattern, path string) {
		if g, err := compile(pattern); err == nil {
			g.match(path)
		}
	})
}

func number(n int32) *int32 { return &n }

func config(rules ...serverconfig.GCRule) *serverconfig.Config {
	return &serverconfig.Config{
		Policy: serverconfig.Policy{KeepVersions: 5},
		GC:     serverconfig.GC{GracePeriod: "1h", Quarantine: "2h", OrphanAfter: "3h", DeleteLimitPercent: 50, Rules: rules},
	}
}

func TestFromConfig(t *testing.T) {
	p, err := FromConfig(config(
		serverconfig.GCRule{Path: "checkpoints/**", Versions: number(2)},
		serverconfig.GCRule{Suffix: ".ckpt", Age: "2160h"},
		serverconfig.GCRule{Path: "release/**", All: true},
	))
	if err != nil {
		t.Fatal(err)
	}
	if p.KeepVersions != 5 || p.Grace != time.Hour || p.Quarantine != 2*time.Hour || p.OrphanAfter != 3*time.Hour {
		t.Errorf("%+v", p)
	}
	for path, want := range map[string]int{
		"checkpoints/a.ckpt": 0, "a.ckpt": 1, "release/x.ckpt": 1, "release/x": 2, "other": -1,
	} {
		if got := p.rule(path); got != want {
			t.Errorf("%s is decided by rule %d, want %d", path, got, want)
		}
	}
	if text := p.String(); !strings.Contains(text, "keepVersions 5") || !strings.Contains(text, "release/**: keep all versions") {
		t.Errorf("policy %q", text)
	}
}

func TestBadPolicies(t *testing.T) {
	for name, r := range map[string]serverconfig.GCRule{
		"nothing":        {},
		"no keep":        {Path: "a"},
		"no where":       {All: true},
		"two keeps":      {Path: "a", All: true, Age: "1h"},
		"zero versions":  {Path: "a", Versions: number(0)},
		"negative age":   {Path: "a", Age: "-1h"},
		"unreadable age": {Path: "a", Age: "90d"},
		"bad glob":       {Path: "a[", All: true},
	} {
		if _, err := FromConfig(config(r)); err == nil || !strings.Contains(err.Error(), "gc.rules[0]") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, change := range []func(*serverconfig.Config){
		func(c *serverconfig.Config) { c.Policy.KeepVersions = 0 },
		func(c *serverconfig.Config) { c.GC.Quarantine = "" },
		func(c *serverconfig.Config) { c.GC.GracePeriod = "-1h" },
		func(c *serverconfig.Config) { c.GC.OrphanAfter = "soon" },
	} {
		c := config()
		change(c)
		if _, err := FromConfig(c); err == nil {
			t.Errorf("accepted %+v", c.GC)
		}
	}
}
