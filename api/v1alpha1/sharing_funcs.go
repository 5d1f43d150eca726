package v1alpha1

import "slices"

// DefaultRepositoriesPerServer is the built-in spec.server.shared.repositoriesPerServer.
const DefaultRepositoriesPerServer int32 = 50

// RepositoriesPerServer is how many repositories a shared server is given at most; 0
// where servers are not shared.
func (s *LFSStore) RepositoriesPerServer() int32 {
	if s.Spec.Server == nil || s.Spec.Server.Shared == nil {
		return 0
	}
	if n := s.Spec.Server.Shared.RepositoriesPerServer; n != nil {
		return *n
	}
	return DefaultRepositoriesPerServer
}

// Shares is true for a repository that the store lets share a server. A shared one
// holds no permission at the API server and reaches nothing but the store, and has as
// many replicas as the administrator says: whoever needs more has a server of their own.
func (s *LFSStore) Shares(repo *LFSRepository) bool {
	spec := repo.Spec
	switch {
	case s.RepositoriesPerServer() == 0 || spec.Storage != nil:
		return false
	case spec.Access != nil && (spec.Access.Kubernetes != nil || spec.Access.JWT != nil):
		return false
	case spec.Server != nil && (spec.Server.Replicas != nil || spec.Server.Autoscaling != nil):
		return false
	}
	return true
}

// Placement is which server serves the repository: its own where status says nothing.
func (r *LFSRepository) Placement() ServerPlacement {
	if r.Status.Server == nil {
		return ServerPlacement{Name: ServerOwn}
	}
	return *r.Status.Server
}

// Servers are those that may serve: that of now, the next and the previous one, each
// once.
func (p ServerPlacement) Servers() []string {
	var out []string
	for _, name := range []string{p.Name, p.Next, p.Previous} {
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// Shared are those of Servers that others are served by, too.
func (p ServerPlacement) Shared() []string {
	return slices.DeleteFunc(p.Servers(), func(name string) bool { return name == ServerOwn })
}
