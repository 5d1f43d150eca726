package v1alpha1

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	corev1 "k8s.io/api/core/v1"
)

// limited is a store with every limit.
func limited() *LFSStore {
	return &LFSStore{Spec: LFSStoreSpec{
		Bucket:         "shared",
		AllowedBuckets: []string{"special"},
		Limits: &StoreLimits{
			MinThreshold: quantity("1M"), MaxThreshold: quantity("10M"),
			MaxKeepVersions: new(int32(10)), MaxQuota: quantity("1Gi"), MaxReplicas: new(int32(2)),
			MinPartSize: quantity("10M"), MaxPartSize: quantity("100M"),
			MinGracePeriod: &metav1.Duration{Duration: 24 * time.Hour}, MinQuarantine: &metav1.Duration{Duration: 24 * time.Hour},
			Forbidden: []ForbiddenField{
				ForbidAnonymousRead, ForbidTokens, ForbidKubernetesAccess, ForbidJWTAccess,
				ForbidHistory, ForbidGCDelete, ForbidDeletionPolicyDelete, ForbidExposure,
			},
		},
	}}
}

// TestExceeds: each limit is found by itself, at its bound it is kept, and the
// text names field, value, limit and remedy.
func TestExceeds(t *testing.T) {
	cases := map[string]struct {
		spec  LFSRepositorySpec
		field string // "" where nothing is exceeded
		says  []string
	}{
		"nothing said":           {},
		"at the bounds":          {spec: LFSRepositorySpec{Threshold: quantity("10M"), KeepVersions: new(int32(10)), Quota: quantity("1Gi"), Server: &Server{Replicas: new(int32(2))}}},
		"at the other bounds":    {spec: LFSRepositorySpec{Threshold: quantity("1M"), Multipart: &Multipart{PartSize: quantity("10M")}, GC: &GarbageCollection{GracePeriod: &metav1.Duration{Duration: 24 * time.Hour}}}},
		"the store's own bucket": {spec: LFSRepositorySpec{Bucket: "shared"}},
		"an allowed bucket":      {spec: LFSRepositorySpec{Bucket: "special"}},
		"another bucket":         {spec: LFSRepositorySpec{Bucket: "theirs"}, field: "spec.bucket", says: []string{"theirs", "leave it out"}},
		"low threshold":          {spec: LFSRepositorySpec{Threshold: quantity("1")}, field: "spec.threshold", says: []string{"is 1,", "at least 1M", "raise it"}},
		"high threshold":         {spec: LFSRepositorySpec{Threshold: quantity("11M")}, field: "spec.threshold", says: []string{"11M", "at most 10M", "lower it"}},
		"many versions":          {spec: LFSRepositorySpec{KeepVersions: new(int32(11))}, field: "spec.keepVersions", says: []string{"11", "at most 10"}},
		"many versions of a path": {spec: LFSRepositorySpec{GC: &GarbageCollection{Rules: []GCRule{
			{Path: "a", Keep: GCKeep{Versions: new(int32(1))}}, {Path: "b", Keep: GCKeep{Versions: new(int32(11))}}}}},
			field: "spec.gc.rules[1].keep.versions", says: []string{"11", "at most 10"}},
		"all versions of a path": {spec: LFSRepositorySpec{GC: &GarbageCollection{Rules: []GCRule{{Path: "a", Keep: GCKeep{All: new(true)}}}}},
			field: "spec.gc.rules[0].keep.all", says: []string{"at most 10 versions"}},
		"quota":             {spec: LFSRepositorySpec{Quota: quantity("2Gi")}, field: "spec.quota", says: []string{"2Gi", "at most 1Gi"}},
		"replicas":          {spec: LFSRepositorySpec{Server: &Server{Replicas: new(int32(3))}}, field: "spec.server.replicas", says: []string{"is 3,", "at most 2"}},
		"autoscaling":       {spec: LFSRepositorySpec{Server: &Server{Autoscaling: &Autoscaling{MaxReplicas: 3}}}, field: "spec.server.autoscaling.maxReplicas", says: []string{"at most 2"}},
		"resources":         {spec: LFSRepositorySpec{Server: &Server{Resources: &corev1.ResourceRequirements{}}}, field: "spec.server.resources", says: []string{"leave it out"}},
		"small parts":       {spec: LFSRepositorySpec{Multipart: &Multipart{PartSize: quantity("5Mi")}}, field: "spec.multipart.partSize", says: []string{"at least 10M"}},
		"large parts":       {spec: LFSRepositorySpec{Multipart: &Multipart{PartSize: quantity("1G")}}, field: "spec.multipart.partSize", says: []string{"at most 100M"}},
		"short grace":       {spec: LFSRepositorySpec{GC: &GarbageCollection{GracePeriod: &metav1.Duration{Duration: time.Hour}}}, field: "spec.gc.gracePeriod", says: []string{"1h0m0s", "at least 24h0m0s"}},
		"short quarantine":  {spec: LFSRepositorySpec{GC: &GarbageCollection{Quarantine: &metav1.Duration{Duration: time.Hour}}}, field: "spec.gc.quarantine", says: []string{"at least 24h0m0s"}},
		"anonymous read":    {spec: LFSRepositorySpec{Access: &Access{AnonymousRead: true}}, field: "spec.access.anonymousRead"},
		"tokens":            {spec: LFSRepositorySpec{Access: &Access{Tokens: []AccessToken{{Name: "ci"}}}}, field: "spec.access.tokens"},
		"kubernetes access": {spec: LFSRepositorySpec{Access: &Access{Kubernetes: &KubernetesAccess{}}}, field: "spec.access.kubernetes"},
		"jwt access":        {spec: LFSRepositorySpec{Access: &Access{JWT: &JWTAccess{}}}, field: "spec.access.jwt"},
		"history":           {spec: LFSRepositorySpec{History: []HistorySource{{Name: "main"}}}, field: "spec.history"},
		"deleting garbage":  {spec: LFSRepositorySpec{GC: &GarbageCollection{Mode: GCDelete}}, field: "spec.gc.mode"},
		"deleting data":     {spec: LFSRepositorySpec{DeletionPolicy: DeletionDelete}, field: "spec.deletionPolicy", says: []string{"set it to Retain"}},
		"exposure":          {spec: LFSRepositorySpec{Exposure: &Exposure{}}, field: "spec.exposure"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			store := limited()
			repo := &LFSRepository{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "models", UID: "1"}, Spec: tc.spec}
			found := store.Exceeds(repo, ResolvePolicy(repo, store.PolicyDefaults()))
			var fields, want []string
			for _, e := range found {
				fields = append(fields, e.Field)
			}
			if tc.field != "" {
				want = []string{tc.field}
			}
			if diff := cmp.Diff(want, fields); diff != "" {
				t.Fatalf("-want +got\n%s", diff)
			}
			for _, says := range append(tc.says, tc.field) {
				if len(found) > 0 && !strings.Contains(found[0].String(), says) {
					t.Errorf("%q does not say %q", found[0], says)
				}
			}
		})
	}
}

// TestNoLimits: a store that says nothing limits nothing, but for buckets.
func TestNoLimits(t *testing.T) {
	store := &LFSStore{Spec: LFSStoreSpec{BucketTemplate: "lfs-{namespace}-{name}"}}
	repo := &LFSRepository{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "models"}, Spec: LFSRepositorySpec{
		KeepVersions: new(int32(1000)), Quota: quantity("1Ei"), Access: &Access{AnonymousRead: true}, DeletionPolicy: DeletionDelete,
	}}
	if found := store.Exceeds(repo, ResolvePolicy(repo, store.PolicyDefaults())); found != nil {
		t.Errorf("found %v", found)
	}
	repo.Spec.Access.JWT = &JWTAccess{Issuers: []JWTIssuer{{Name: "a", URL: "https://issuer.example"}, {Name: "b", KeySecretRef: &LocalReference{Name: "admins-own"}, CASecretRef: &LocalReference{Name: "admins-own"}}}}
	if found := store.Exceeds(repo, ResolvePolicy(repo, store.PolicyDefaults())); len(found) != 2 || found[0].Field != "spec.access.jwt.issuers[1].keySecretRef" || found[1].Field != "spec.access.jwt.issuers[1].caSecretRef" {
		t.Errorf("a Secret of the administrator's: %v", found)
	}
	repo.Spec.Access.JWT = nil
	repo.Namespace = strings.Repeat("a", 60)
	if found := store.Exceeds(repo, ResolvePolicy(repo, store.PolicyDefaults())); len(found) != 1 || found[0].Field != "spec.bucket" {
		t.Errorf("a bucket name of 70 characters: %v", found)
	}
}
