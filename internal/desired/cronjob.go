package desired

import (
	batchv1 "k8s.io/api/batch/v1"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
)

// cronJob runs garbage collection by the policy's schedule. It also runs without
// any history, because it reports what lies in the store; the report says that
// nothing can be deleted.
func cronJob(in Inputs) *batchv1ac.CronJobApplyConfiguration {
	repo, at := in.Repository, in.Tenant()
	spec := batchv1ac.CronJobSpec().
		WithSchedule(in.Policy.Schedule.Value).
		WithConcurrencyPolicy(batchv1.ForbidConcurrent).
		WithSuspend(in.SuspendsGC()).
		WithStartingDeadlineSeconds(3600).
		WithSuccessfulJobsHistoryLimit(1).
		WithFailedJobsHistoryLimit(1).
		WithJobTemplate(batchv1ac.JobTemplateSpec().
			WithLabels(in.labels(at, ComponentGC)).
			WithSpec(gcJob(in)))
	if gc := repo.Spec.GC; gc != nil && gc.TimeZone != "" {
		spec.WithTimeZone(gc.TimeZone)
	}
	return batchv1ac.CronJob(GCName(at.Base), at.Namespace).
		WithLabels(in.labels(at, ComponentGC)).
		WithOwnerReferences(in.owners(at)...).
		WithSpec(spec)
}
