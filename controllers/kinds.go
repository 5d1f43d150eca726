package controllers

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

var (
	namespaceKind  = corev1.SchemeGroupVersion.WithKind("Namespace")
	podKind        = corev1.SchemeGroupVersion.WithKind("Pod")
	jobKind        = batchv1.SchemeGroupVersion.WithKind("Job")
	deploymentKind = appsv1.SchemeGroupVersion.WithKind("Deployment")
)
