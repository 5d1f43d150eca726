package controllers

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// remedies say what to do about what keeps a container from running.
var remedies = map[string]string{
	"ImagePullBackOff":           "check the image, and spec.server.podTemplate.imagePullSecrets",
	"ErrImagePull":               "check the image, and spec.server.podTemplate.imagePullSecrets",
	"ErrImageNeverPull":          "load the image onto the node",
	"InvalidImageName":           "the operator was installed with an invalid image name",
	"CreateContainerConfigError": "look at the message: something that the pod mounts or names is missing",
	"CreateContainerError":       "look at the message of the container runtime",
	"RunContainerError":          "look at the message of the container runtime",
	"CrashLoopBackOff":           "look at its log: kubectl logs --previous",
}

// podProblem says why no server runs, as far as pods and Deployment tell.
func (p *pass) podProblem() string {
	if p.deployment != nil {
		for _, c := range p.deployment.Status.Conditions {
			if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
				return fmt.Sprintf("the cluster refuses the server's pods: %s; raise the quota or change what forbids them", c.Message)
			}
		}
	}
	pods := p.serverPods()
	for i := range pods {
		pod := &pods[i]
		if problem := problemOf(pod); problem != "" {
			return fmt.Sprintf("pod %s: %s", pod.Name, problem)
		}
	}
	return ""
}

func problemOf(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return "no node takes it: " + c.Message
		}
	}
	for _, c := range pod.Status.ContainerStatuses {
		if w := c.State.Waiting; w != nil {
			if remedy, known := remedies[w.Reason]; known {
				return fmt.Sprintf("%s: %s; %s", w.Reason, w.Message, remedy)
			}
		}
	}
	return ""
}
