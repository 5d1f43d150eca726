package serverconfig

import "testing"

func TestBelongsInLFS(t *testing.T) {
	t.Parallel()
	p := Policy{ThresholdBytes: 1000, SuffixRules: []string{".bin", ".tar.gz"}}
	for name, tc := range map[string]struct {
		path string
		size int64
		want bool
	}{
		"small text":                      {"config.json", 999, false},
		"at the threshold":                {"config.json", 1000, true},
		"empty, by its name":              {"a/b/model.bin", 0, true},
		"upper case":                      {"MODEL.BIN", 1, true},
		"two suffixes":                    {"backup.tar.gz", 1, true},
		"the last one alone is no rule":   {"notes.gz", 1, false},
		"nothing but the suffix":          {".bin", 1, true},
		"the suffix of a folder":          {"old.bin/readme", 1, false},
		"the name goes on":                {"model.binary", 1, false},
		"shorter than every suffix":       {"a", 1, false},
		"letters that fold to more bytes": {"model.b\u0130n", 1, false},
	} {
		if got := p.BelongsInLFS(tc.path, tc.size); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
	if (Policy{}).BelongsInLFS("a.bin", 1<<40) {
		t.Error("a policy that says nothing wants something")
	}
}
