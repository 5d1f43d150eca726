package desired

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// nonRoot is the user and group of every container, as in the image.
const nonRoot int64 = 65532

// podSpec is what all pods of a repository have in common. It passes the
// "restricted" Pod Security level.
func podSpec(in Inputs, at Place) *corev1ac.PodSpecApplyConfiguration {
	spec := corev1ac.PodSpec().
		WithServiceAccountName(ServerName(at.Base)).
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithSecurityContext(corev1ac.PodSecurityContext().
			WithRunAsNonRoot(true).
			WithRunAsUser(nonRoot).
			WithRunAsGroup(nonRoot).
			WithFSGroup(nonRoot).
			WithFSGroupChangePolicy(corev1.FSGroupChangeOnRootMismatch).
			WithSeccompProfile(corev1ac.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault)))
	if in.Install.UserNamespaces {
		spec.WithHostUsers(false)
	}
	if template := podTemplateOf(in, at); template != nil {
		placePod(spec, template)
	}
	return spec
}

// placePod sets what a tenant may say about where pods run.
func placePod(spec *corev1ac.PodSpecApplyConfiguration, template *v1alpha1.PodTemplate) {
	spec.WithNodeSelector(template.NodeSelector)
	for _, t := range template.Tolerations {
		toleration := corev1ac.Toleration()
		if t.Key != "" {
			toleration.WithKey(t.Key)
		}
		if t.Operator != "" {
			toleration.WithOperator(t.Operator)
		}
		if t.Value != "" {
			toleration.WithValue(t.Value)
		}
		if t.Effect != "" {
			toleration.WithEffect(t.Effect)
		}
		toleration.TolerationSeconds = t.TolerationSeconds
		spec.WithTolerations(toleration)
	}
	for _, secret := range template.ImagePullSecrets {
		spec.WithImagePullSecrets(corev1ac.LocalObjectReference().WithName(secret.Name))
	}
	if template.PriorityClassName != "" {
		spec.WithPriorityClassName(template.PriorityClassName)
	}
}

// podTemplate wraps a pod's spec with labels and the tenant's additions. Ours
// are set last: a selector must not be talked away.
func podTemplate(in Inputs, at Place, component string, spec *corev1ac.PodSpecApplyConfiguration) *corev1ac.PodTemplateSpecApplyConfiguration {
	out := corev1ac.PodTemplateSpec()
	if template := podTemplateOf(in, at); template != nil {
		out.WithLabels(template.Labels).WithAnnotations(template.Annotations)
	}
	return out.WithLabels(in.labels(at, component)).WithSpec(spec)
}

// podTemplateOf is what the owner of the place says: a tenant has no say about
// pods in the administrator's namespace.
func podTemplateOf(in Inputs, at Place) *v1alpha1.PodTemplate {
	switch {
	case in.Apart() && at == in.Server():
		if in.Store == nil || in.Store.Spec.Server == nil {
			return nil
		}
		return in.Store.Spec.Server.PodTemplate
	case in.Repository.Spec.Server == nil:
		return nil
	default:
		return in.Repository.Spec.Server.PodTemplate
	}
}

// container is what all containers have in common.
func container(in Inputs, name string, resources corev1.ResourceRequirements, args ...string) *corev1ac.ContainerApplyConfiguration {
	c := corev1ac.Container().
		WithName(name).
		WithImage(in.Install.Image).
		WithImagePullPolicy(corev1.PullIfNotPresent).
		// The last lines of a log say more than an exit code.
		WithTerminationMessagePolicy(corev1.TerminationMessageFallbackToLogsOnError).
		WithCommand(serverBinary).
		WithArgs(args...).
		WithResources(corev1ac.ResourceRequirements().
			WithRequests(resources.Requests).
			WithLimits(resources.Limits)).
		WithSecurityContext(corev1ac.SecurityContext().
			WithRunAsNonRoot(true).
			WithAllowPrivilegeEscalation(false).
			WithReadOnlyRootFilesystem(true).
			WithCapabilities(corev1ac.Capabilities().WithDrop("ALL")))
	if memory, ok := resources.Limits[corev1.ResourceMemory]; ok {
		c.WithEnv(goMemoryLimit(memory))
	}
	if level := in.Install.ServerLogLevel; level != "" {
		c.WithEnv(corev1ac.EnvVar().WithName("LFS_LOG_LEVEL").WithValue(level))
	}
	return c
}

// serverBinary is the program of all pods; the image holds the manager too.
const serverBinary = "/lfs-server"

// goMemoryLimit tells the Go runtime to collect before the kernel kills: nine
// tenths of the limit.
func goMemoryLimit(limit resource.Quantity) *corev1ac.EnvVarApplyConfiguration {
	return corev1ac.EnvVar().WithName("GOMEMLIMIT").
		WithValue(strconv.FormatInt(limit.Value()/10*9, 10))
}
