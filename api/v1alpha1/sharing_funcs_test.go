package v1alpha1

import (
	"slices"
	"testing"
)

func TestShares(t *testing.T) {
	t.Parallel()
	shared := func(n *int32) LFSStoreSpec {
		return LFSStoreSpec{Server: &StoreServer{Shared: &SharedServers{RepositoriesPerServer: n}}}
	}
	for name, tc := range map[string]struct {
		store LFSStoreSpec
		repo  LFSRepositorySpec
		per   int32
		want  bool
	}{
		"nothing said":        {},
		"a server's pods":     {store: LFSStoreSpec{Server: &StoreServer{}}},
		"shared":              {store: shared(nil), per: 50, want: true},
		"by few":              {store: shared(new(int32(3))), per: 3, want: true},
		"named tokens":        {store: shared(nil), repo: LFSRepositorySpec{Access: &Access{AnonymousRead: true, Tokens: []AccessToken{{Name: "ci"}}}}, per: 50, want: true},
		"an audit log's word": {store: shared(nil), repo: LFSRepositorySpec{Server: &Server{AuditLog: AuditLogDisabled}}, per: 50, want: true},
		"own storage":         {store: shared(nil), repo: LFSRepositorySpec{Storage: &Storage{}}, per: 50},
		"ServiceAccounts":     {store: shared(nil), repo: LFSRepositorySpec{Access: &Access{Kubernetes: &KubernetesAccess{}}}, per: 50},
		"web tokens":          {store: shared(nil), repo: LFSRepositorySpec{Access: &Access{JWT: &JWTAccess{}}}, per: 50},
		"replicas":            {store: shared(nil), repo: LFSRepositorySpec{Server: &Server{Replicas: new(int32(1))}}, per: 50},
		"autoscaling":         {store: shared(nil), repo: LFSRepositorySpec{Server: &Server{Autoscaling: &Autoscaling{}}}, per: 50},
	} {
		store := &LFSStore{Spec: tc.store}
		if got := store.Shares(&LFSRepository{Spec: tc.repo}); got != tc.want || store.RepositoriesPerServer() != tc.per {
			t.Errorf("%s: shares %t, %d at a server", name, got, store.RepositoriesPerServer())
		}
	}
}

func TestPlacement(t *testing.T) {
	t.Parallel()
	repo := &LFSRepository{}
	if got := repo.Placement().Servers(); !slices.Equal(got, []string{ServerOwn}) || len(repo.Placement().Shared()) != 0 {
		t.Errorf("where status says nothing: %v", got)
	}
	repo.Status.Server = &ServerPlacement{Name: "s-1", Next: ServerOwn, Previous: "s-1"}
	if got := repo.Placement(); !slices.Equal(got.Servers(), []string{"s-1", ServerOwn}) || !slices.Equal(got.Shared(), []string{"s-1"}) {
		t.Errorf("%v, of which shared %v", got.Servers(), got.Shared())
	}
}
