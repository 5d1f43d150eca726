package desired

import (
	batchv1 "k8s.io/api/batch/v1"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
)

// cronJob runs garbage collection by the policy's schedule. It also runs without
// any history, because it reports what lies in the store; the report says that
// nothing can be deleted.
func cronJob(in Inputs) *batchv1ac.CronJobApplyConfiguration {
	repo := in.Repository
	spec := batchv1ac.CronJobSpec().
		WithSchedule(in.Policy.Schedule.Value).
		WithConcurrencyPolicy(batchv1.ForbidConcurrent).
		WithSuspend(repo.Spec.Suspend).
		WithStartingDeadlineSeconds(3600).
		WithSuccessfulJobsHistoryLimit(1).
		WithFailedJobsHistoryLimit(1).
		WithJobTemplate(batchv1ac.JobTemplateSpec().
			WithLabels(Labels(repo, ComponentGC)).
			WithSpec(gcJob(in)))
	if gc := repo.Spec.GC; gc != nil && gc.TimeZone != "" {
		spec.WithTimeZone(gc.TimeZone)
	}
	return batchv1ac.CronJob(GCName(repo.Name), repo.Namespace).
		WithLabels(Labels(repo, ComponentGC)).
		WithOwnerReferences(ownerReference(repo)).
		WithSpec(spec)
}
