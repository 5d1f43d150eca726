package desired

import (
	rbacv1 "k8s.io/api/rbac/v1"
	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"
)

// Names of what is installed once, for all repositories (config/rbac).
const (
	// TokenReviewers is the ClusterRoleBinding whose subjects may ask whose a
	// token is. The operator looks after the subjects.
	TokenReviewers = "lfs-operator-token-reviewers"
	// AccessReviewerRole may ask who may do what, in the namespace of a RoleBinding.
	AccessReviewerRole = "lfs-operator-access-reviewer"
)

// roleBinding lets the server ask what a ServiceAccount may do with the
// repository: in the namespace of the LFSRepository, wherever the server runs, so
// that it learns of no other. It is nil where ServiceAccounts are not let in.
func roleBinding(in Inputs) *rbacv1ac.RoleBindingApplyConfiguration {
	if !in.Repository.Spec.AdmitsServiceAccounts() {
		return nil
	}
	at, subject := in.Tenant(), in.ReviewerSubject()
	return rbacv1ac.RoleBinding(ServerName(at.Base), at.Namespace).
		WithLabels(in.labels(at, ComponentServer)).
		WithOwnerReferences(in.owners(at)...).
		WithRoleRef(rbacv1ac.RoleRef().WithAPIGroup(rbacv1.GroupName).WithKind("ClusterRole").WithName(AccessReviewerRole)).
		WithSubjects(rbacv1ac.Subject().WithKind(subject.Kind).WithName(subject.Name).WithNamespace(subject.Namespace))
}

// ReviewerSubject is the server of a repository, as bindings name it. Of the
// inputs only Repository and Location are looked at.
func (in Inputs) ReviewerSubject() rbacv1.Subject {
	at := in.Server()
	return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: ServerName(at.Base), Namespace: at.Namespace}
}
