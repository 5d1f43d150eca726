package desired

import (
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// Set is what a repository becomes, Secrets and Jobs aside.
type Set struct {
	// Objects in the order in which they are applied: what a pod needs to start
	// stands before the Deployment.
	Objects []runtime.ApplyConfiguration
	// ConfigHash names the configuration that the server is to load.
	ConfigHash string
	// HistoryRevision names the history list in it; empty without history.
	HistoryRevision string
}

// Objects builds the set.
func Objects(in Inputs) (Set, error) {
	config := ServerConfig(in)
	rendered, err := serverconfig.Marshal(config)
	if err != nil {
		return Set{}, err
	}
	return Set{
		Objects: []runtime.ApplyConfiguration{
			configMap(in, rendered),
			serviceAccount(in),
			deployment(in),
			service(in),
			networkPolicy(in),
			podDisruptionBudget(in),
			cronJob(in),
		},
		ConfigHash:      serverconfig.Hash(rendered),
		HistoryRevision: config.HistoryRevision,
	}, nil
}
