package api

import (
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// patched returns a manifest with a change laid over it: maps merge, null
// removes, everything else replaces (RFC 7396, in YAML).
func patched(t *testing.T, base *unstructured.Unstructured, change string) *unstructured.Unstructured {
	t.Helper()
	out := base.DeepCopy()
	out.Object = merge(out.Object, parse(t, []byte(change)).Object).(map[string]any)
	return out
}

func merge(base, change any) any {
	patch, ok := change.(map[string]any)
	if !ok {
		return change
	}
	out, ok := base.(map[string]any)
	if !ok {
		out = map[string]any{}
	}
	for key, value := range patch {
		if value == nil {
			delete(out, key)
			continue
		}
		out[key] = merge(out[key], value)
	}
	return out
}

// numbered joins n items with commas; %d in an item is its number.
func numbered(n int, item string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = strings.ReplaceAll(item, "%d", strconv.Itoa(i))
	}
	return strings.Join(items, ", ")
}
