package desired

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Built-in requests and limits. Every container has both, so that pods fit into
// namespaces with a ResourceQuota. The server moves little itself: bytes go
// between client and store.
func serverDefaults() corev1.ResourceRequirements {
	return requirements("10m", "32Mi", "1", "256Mi")
}

func gcDefaults() corev1.ResourceRequirements {
	return requirements("50m", "64Mi", "1", "512Mi")
}

func requirements(cpu, memory, cpuLimit, memoryLimit string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
		},
		Limits: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse(cpuLimit), corev1.ResourceMemory: resource.MustParse(memoryLimit),
		},
	}
}

// serverResources puts the wishes of whoever pays for the pods over the built-in
// values. A built-in value that contradicts a wish gives way: a request above its
// limit is refused.
func serverResources(in Inputs) corev1.ResourceRequirements {
	return withWish(serverDefaults(), resourceWish(in))
}

func withWish(out corev1.ResourceRequirements, wish *corev1.ResourceRequirements) corev1.ResourceRequirements {
	if wish == nil {
		return out
	}
	for name, request := range wish.Requests {
		out.Requests[name] = request
		if limit, ok := out.Limits[name]; ok && limit.Cmp(request) < 0 {
			out.Limits[name] = request
		}
	}
	for name, limit := range wish.Limits {
		out.Limits[name] = limit
		if request, ok := out.Requests[name]; ok && limit.Cmp(request) < 0 {
			out.Requests[name] = limit
		}
	}
	return out
}

func resourceWish(in Inputs) *corev1.ResourceRequirements {
	switch {
	case in.Store != nil && in.Store.Spec.Server != nil:
		return in.Store.Spec.Server.Resources
	case in.Store == nil && in.Repository.Spec.Server != nil:
		return in.Repository.Spec.Server.Resources
	default:
		return nil
	}
}
