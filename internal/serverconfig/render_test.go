package serverconfig

import (
	"math"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestRender: what is written is what the library would write.
func TestRender(t *testing.T) {
	for name, value := range map[string]any{
		"a configuration": &Config{Storage: Storage{Bucket: "models", Region: "yes", Prefix: "0123/"}},
		"text":            []string{"", "no", "1e3", "0x10", "~", "null", "a: b", "- c", "line\nline", "tab\t", "ü", "#", "08", "1_000", "2026-11-22", "=", "<<"},
		"numbers":         map[string]any{"zero": 0, "negative": -1, "large": int64(math.MaxInt64), "part": 0.25},
		"nothing":         map[string]any{"list": []string{}, "map": map[string]string{}, "null": nil},
		"nested":          map[string]any{"b": []any{map[string]any{"c": true}, []int{1, 2}}, "a": "first", "10": "x", "9": "y"},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := yaml.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := render(value); err != nil || string(got) != string(want) {
				t.Errorf("%v\n%s\nwant\n%s", err, got, want)
			}
		})
	}
}
