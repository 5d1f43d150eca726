package desired

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// Place is a namespace that objects of a repository live in, and the name that
// theirs are made from.
type Place struct {
	Namespace, Base string
}

// Tenant is the repository's own place: of what people use, and of what reads
// the tenant's Secrets.
func (in Inputs) Tenant() Place {
	return Place{Namespace: in.Repository.Namespace, Base: in.Repository.Name}
}

// Server is where the server runs, and whatever else holds the store's
// credentials: with storage of its own beside the tenant, else in the namespace
// that the LFSStore names.
func (in Inputs) Server() Place {
	if !in.Apart() {
		return in.Tenant()
	}
	return Place{Namespace: in.Location.ServerNamespace, Base: baseApart(in.Repository)}
}

// Apart is true where the server does not run beside the tenant.
func (in Inputs) Apart() bool { return in.Location.ServerNamespace != "" }

// maxBase is the longest name of an LFSRepository, from which all names are made.
const maxBase = 40

// baseApart names a repository among those of all namespaces: readable at the
// front, unique by the hash, and beginning with a letter as the repository does.
func baseApart(repo *v1alpha1.LFSRepository) string {
	hash := shortHash(repo.Namespace + "/" + repo.Name + "/" + string(repo.UID))
	front := repo.Name + "-" + repo.Namespace
	front = front[:min(len(front), maxBase-len(hash)-1)]
	return strings.TrimRight(front, "-") + "-" + hash
}

// labels of an object in that place.
func (in Inputs) labels(at Place, component string) map[string]string {
	labels := Labels(in.Repository, component)
	labels[LabelInstance] = at.Base
	if at.Namespace != in.Repository.Namespace {
		labels[v1alpha1.LabelRepositoryNamespace] = in.Repository.Namespace
	}
	return labels
}

// owners of an object in that place. None where owner references cannot reach:
// labels say there whose it is.
func (in Inputs) owners(at Place) []*metav1ac.OwnerReferenceApplyConfiguration {
	if at.Namespace != in.Repository.Namespace {
		return nil
	}
	return []*metav1ac.OwnerReferenceApplyConfiguration{ownerReference(in.Repository)}
}

// ownersOfCreated is the same for objects that are created, not applied.
func (in Inputs) ownersOfCreated(at Place) []metav1.OwnerReference {
	if at.Namespace != in.Repository.Namespace {
		return nil
	}
	return ownerReferences(in.Repository)
}
