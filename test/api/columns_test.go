package api

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// "kubectl get" shows what the server's Table holds: columns of priority 0
// always, the others under "-o wide".
func TestPrinterColumns(t *testing.T) {
	repo := statusFilled(t)
	table := tableOf(t, "namespaces/"+repo.Namespace+"/lfsrepositories")

	var narrow, wide []string
	cells := map[string]any{}
	for i, column := range table.ColumnDefinitions {
		if column.Priority == 0 {
			narrow = append(narrow, column.Name)
		} else {
			wide = append(wide, column.Name)
		}
		cells[column.Name] = table.Rows[0].Cells[i]
	}
	if diff := cmp.Diff([]string{"Name", "Ready", "URL", "Objects", "Size", "Age"}, narrow); diff != "" {
		t.Error("kubectl get: -want +got\n" + diff)
	}
	if diff := cmp.Diff([]string{"Threshold", "Keep", "GC", "Reason"}, wide); diff != "" {
		t.Error("kubectl get -o wide adds: -want +got\n" + diff)
	}
	want := map[string]any{
		"Name": "models", "Ready": "True", "URL": "http://models.default.svc/default/models",
		"Objects": float64(12), "Size": "1500M", "Age": cells["Age"],
		"Threshold": "5M", "Keep": float64(5), "GC": "DryRun", "Reason": "Ready",
	}
	if diff := cmp.Diff(want, cells); diff != "" {
		t.Error("-want +got\n" + diff)
	}
}

// TestStoreColumns: what an administrator sees of the stores.
func TestStoreColumns(t *testing.T) {
	c := newClient(t)
	create(t, c, manifest(t, "store.yaml"))
	table := tableOf(t, "lfsstores")
	cells := map[string]any{}
	for i, column := range table.ColumnDefinitions {
		if column.Priority == 0 {
			cells[column.Name] = table.Rows[0].Cells[i]
		}
	}
	want := map[string]any{
		"Name": "standard", "Ready": nil, "Endpoint": "https://s3.internal.example.com", "Default": "true",
		"Repositories": nil, "Age": cells["Age"],
	}
	if diff := cmp.Diff(want, cells); diff != "" {
		t.Error("-want +got\n" + diff)
	}
}

// statusFilled makes a repository and writes the status that a controller would.
func statusFilled(t *testing.T) *v1alpha1.LFSRepository {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(restConfig(t), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	repo := &v1alpha1.LFSRepository{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(manifest(t, "minimal.yaml").Object, repo); err != nil {
		t.Fatal(err)
	}
	create(t, c, repo)

	now := metav1.NewTime(time.Now())
	policy := v1alpha1.ResolvePolicy(repo, nil)
	repo.Status = v1alpha1.LFSRepositoryStatus{
		ObservedGeneration: repo.Generation,
		Conditions: []metav1.Condition{{
			Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonReady, LastTransitionTime: now,
		}},
		URL:       "http://models.default.svc/default/models",
		Endpoints: []v1alpha1.EndpointStatus{{URL: "http://models.default.svc/default/models", Type: v1alpha1.EndpointInternal}},
		Location:  &v1alpha1.Location{Endpoint: repo.Spec.Storage.Endpoint, Bucket: repo.Spec.Bucket, Prefix: "default/models/"},
		Policy:    &policy,
		Secrets:   []v1alpha1.SecretStatus{{Name: "models-lfs-token", Revision: "1"}},
		Usage:     &v1alpha1.Usage{Objects: 12, Size: *resource.NewQuantity(1_500_000_000, resource.DecimalSI)},
		// Zeros all over: a status without any is as good as one with some.
		GC: &v1alpha1.GCStatus{LastRun: &v1alpha1.GCRun{ID: "run", Mode: v1alpha1.GCDryRun, Outcome: "Succeeded", StartedAt: now, FinishedAt: now}},
	}
	if err := c.Status().Update(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	return repo
}

// tableOf asks for the list as kubectl does.
func tableOf(t *testing.T, resources string) *metav1.Table {
	t.Helper()
	config := restConfig(t)
	hc, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	url, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		t.Fatal(err)
	}
	url.Path = "/apis/lfs-operator.dev/v1alpha1/" + resources
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
	resp, err := hc.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	table := &metav1.Table{}
	if err := json.NewDecoder(resp.Body).Decode(table); err != nil {
		t.Fatal(err)
	}
	if len(table.Rows) != 1 {
		t.Fatalf("%d rows, want 1", len(table.Rows))
	}
	return table
}
