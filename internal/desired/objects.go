package desired

import (
	"errors"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// Set is what a repository becomes, Secrets and Jobs aside.
type Set struct {
	// Base is what pods cannot do without, Rest what needs no pod, and Workloads
	// are what makes pods. They are applied in this order.
	Base, Rest, Workloads []runtime.ApplyConfiguration
	// ConfigHash names the configuration that the server is to load.
	ConfigHash string
	// Shared is the configuration for each shared server, by its name.
	Shared map[string]SharedConfig
	// HistoryRevision names the history list in it; empty without history.
	HistoryRevision string
}

// All objects of the set.
func (s Set) All() []runtime.ApplyConfiguration { return slices.Concat(s.Base, s.Rest, s.Workloads) }

// Objects builds the set.
func Objects(in Inputs) (Set, error) {
	config := ServerConfig(in)
	rendered, err := serverconfig.Marshal(config)
	if err != nil {
		return Set{}, err
	}
	at := in.Server()
	set := Set{
		Base:            []runtime.ApplyConfiguration{ServerConfigMap(in, rendered), serviceAccount(in, at, ComponentServer)},
		Rest:            []runtime.ApplyConfiguration{service(in)},
		Workloads:       []runtime.ApplyConfiguration{cronJob(in)},
		ConfigHash:      serverconfig.Hash(rendered),
		HistoryRevision: config.HistoryRevision,
	}
	if !in.NoOwn {
		set.Rest = append(set.Rest, podDisruptionBudget(in))
		set.Workloads = append([]runtime.ApplyConfiguration{deployment(in)}, set.Workloads...)
	}
	if in.Install.NetworkPolicies != NetworkPoliciesNone {
		set.Rest = append(set.Rest, networkPolicy(in))
	}
	if binding := roleBinding(in); binding != nil {
		set.Rest = append(set.Rest, binding)
	}
	if scaler := autoscaler(in); scaler != nil && !in.NoOwn {
		set.Rest = append(set.Rest, scaler)
	}
	if route := httpRoute(in); route != nil {
		set.Rest = append(set.Rest, route)
	}
	if ingress := ingress(in); ingress != nil {
		set.Rest = append(set.Rest, ingress)
	}
	if in.Apart() {
		err = errors.Join(set.besideTenant(in), set.addShared(in))
	}
	return set, err
}

// besideTenant adds what the tenant's namespace needs when the server is not
// there: a name for it, and what scans need. Nothing of the store is among it.
func (s *Set) besideTenant(in Inputs) error {
	rendered, err := serverconfig.Marshal(scanConfig(in))
	if err != nil {
		return err
	}
	at := in.Tenant()
	s.Base = append(s.Base, configMap(in, at, ComponentGC, rendered), serviceAccount(in, at, ComponentGC))
	s.Rest = append(s.Rest, serviceAlias(in))
	if in.Install.NetworkPolicies != NetworkPoliciesNone {
		s.Rest = append(s.Rest, scanNetworkPolicy(in))
	}
	return nil
}
