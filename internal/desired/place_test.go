package desired

import (
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// TestTenantSeesNothingOfTheStore: what stands beside the tenant names neither
// the store's address nor its Secrets, and owner references end at the border.
func TestTenantSeesNothingOfTheStore(t *testing.T) {
	repo := repository()
	in := inputs(repo)
	inStore(repo, &in)
	in.Policy = v1alpha1.ResolvePolicy(repo, in.Store.PolicyDefaults())
	set, err := Objects(in)
	if err != nil {
		t.Fatal(err)
	}
	var all []any
	for _, o := range set.All() {
		all = append(all, o)
	}
	for _, s := range Secrets(in) {
		all = append(all, s.Object)
	}
	all = append(all, CheckJob(in, "1"), GCJob(in, "1"), SweepJob(in, "1"))
	places := map[string]int{}
	for _, o := range all {
		raw, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		var head struct {
			Kind     string
			Metadata metav1.ObjectMeta
		}
		if err := json.Unmarshal(raw, &head); err != nil {
			t.Fatal(err)
		}
		places[head.Metadata.Namespace]++
		owned := len(head.Metadata.OwnerReferences) == 1
		if head.Metadata.Labels[v1alpha1.LabelRepositoryUID] != string(repo.UID) {
			t.Errorf("%s %s has labels %v", head.Kind, head.Metadata.Name, head.Metadata.Labels)
		}
		if head.Metadata.Namespace != repo.Namespace {
			if owned || head.Metadata.Labels[v1alpha1.LabelRepositoryNamespace] != repo.Namespace {
				t.Errorf("%s %s: owners %v, labels %v", head.Kind, head.Metadata.Name, head.Metadata.OwnerReferences, head.Metadata.Labels)
			}
			continue
		}
		if !owned {
			t.Errorf("%s %s has no owner", head.Kind, head.Metadata.Name)
		}
		for _, secret := range []string{"s3.internal", "s3.example", "admin-credentials", "admin-ca", "shared"} {
			if strings.Contains(string(raw), secret) {
				t.Errorf("%s %s beside the tenant holds %q: %s", head.Kind, head.Metadata.Name, secret, raw)
			}
		}
	}
	if len(places) != 2 || places["lfs-servers"] == 0 {
		t.Errorf("objects by namespace: %v", places)
	}
}

// TestBaseApart: names of different repositories differ where they lie together,
// whatever their parts are, and are those of a Service.
func TestBaseApart(t *testing.T) {
	seen := map[string]string{}
	for _, id := range [][3]string{
		{"team-a", "models", "1"}, {"team-b", "models", "1"}, {"team-a", "models", "2"}, {"a-models", "team", "1"},
		{"7", strings.Repeat("m", 40), "1"}, {"8", strings.Repeat("m", 40), "1"}, {strings.Repeat("n", 63), "a", "1"}, {"x", strings.Repeat("m", 28) + "-a", "1"},
	} {
		repo := &v1alpha1.LFSRepository{ObjectMeta: metav1.ObjectMeta{Namespace: id[0], Name: id[1], UID: types.UID(id[2])}}
		base := baseApart(repo)
		what := strings.Join(id[:], "/")
		if other, ok := seen[base]; ok {
			t.Errorf("%s and %s are both %s", what, other, base)
		}
		seen[base] = what
		if len(base) > maxBase || base[0] != id[1][0] || strings.Contains(base, "--") {
			t.Errorf("%s is %s", what, base)
		}
	}
}
