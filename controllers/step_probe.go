package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/apply"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// A store that works is tried again after about probeEvery; one that does not
// after half the time that it has not worked, within these bounds.
const (
	probeEvery     = time.Hour
	leastProbeWait = 30 * time.Second
	mostProbeWait  = 10 * time.Minute
	// answerLag is how long a pod's last words may take to reach the cache after
	// its Job has ended.
	answerLag = 30 * time.Second
)

// probe has a Job try the store when it is due, and takes its answer. One Job
// runs at a time, for one generation.
func (r *LFSStoreReconciler) probe(ctx context.Context, p *storePass) error {
	job := &batchv1.Job{}
	err := r.Get(ctx, client.ObjectKey{Namespace: p.store.Spec.ServerNamespace, Name: desired.ProbeJobName(p.store)}, job)
	switch {
	case apierrors.IsNotFound(err):
		if wait := p.due().Sub(p.now); wait > 0 {
			p.again(wait)
			return nil
		}
		return r.startProbe(ctx, p)
	case err != nil:
		return fmt.Errorf("reading the probe's Job: %w", err)
	case job.DeletionTimestamp != nil:
		return nil // its end is an event
	case !metav1.IsControlledBy(job, p.live):
		p.ready = no(v1alpha1.ReasonForeignObject, fmt.Sprintf("Job %s/%s is not the operator's; delete it", job.Namespace, job.Name)).needsPerson()
		return nil
	case job.Annotations[desired.AnnotationGeneration] != fmt.Sprint(p.store.Generation):
		return r.endProbe(ctx, job)
	}
	done, message := jobFinished(job)
	if done == "" {
		return nil
	}
	if took, err := r.takeAnswer(ctx, p, job, message); err != nil || !took {
		return err
	}
	return r.endProbe(ctx, job)
}

// due is when the store is to be tried next.
func (p *storePass) due() time.Time {
	last := p.store.Status.Probe
	if last == nil || last.ObservedGeneration != p.store.Generation {
		return p.now
	}
	ready := meta.FindStatusCondition(p.store.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return p.now
	}
	if ready.Status == metav1.ConditionTrue {
		// Not all stores at once after the operator was installed.
		h := fnv.New32a()
		_, _ = fmt.Fprint(h, p.store.UID, last.FinishedAt.Unix())
		return last.FinishedAt.Add(probeEvery + time.Duration(h.Sum32()%720)*time.Second - 6*time.Minute)
	}
	broken := last.FinishedAt.Sub(ready.LastTransitionTime.Time)
	return last.FinishedAt.Add(min(max(broken/2, leastProbeWait), mostProbeWait))
}

func (r *LFSStoreReconciler) startProbe(ctx context.Context, p *storePass) error {
	job, err := desired.ProbeJob(p.store, r.Install)
	if err != nil {
		return err
	}
	if err = r.Applier.Apply(ctx, p.live, desired.ProbeNetworkPolicy(p.store, r.Install)); err == nil {
		err = r.Applier.Create(ctx, job)
	}
	var refused *apply.RefusedError
	var foreign *apply.ForeignError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &foreign):
		p.ready = no(v1alpha1.ReasonForeignObject, foreign.Error()).needsPerson()
	case apierrors.IsNotFound(err):
		p.ready = no(v1alpha1.ReasonProbeFailed, fmt.Sprintf(
			"namespace %q does not exist: create it%s", p.store.Spec.ServerNamespace, withSecret(p.store))).needsPerson()
	case apply.IsTerminating(err):
		p.ready = no(v1alpha1.ReasonProbeFailed, fmt.Sprintf("namespace %q is being deleted", p.store.Spec.ServerNamespace)).needsPerson()
	case errors.As(err, &refused):
		p.ready = no(v1alpha1.ReasonApplyRefused, refused.Error()).needsPerson()
	default:
		return err
	}
	p.again(recheck)
	return nil
}

// withSecret says what else the namespace is to hold.
func withSecret(store *v1alpha1.LFSStore) string {
	if store.Spec.CredentialsSecretRef == nil {
		return ""
	}
	return ", with the Secret of spec.credentialsSecretRef"
}

func (r *LFSStoreReconciler) endProbe(ctx context.Context, job *batchv1.Job) error {
	return client.IgnoreNotFound(r.Delete(ctx, job,
		client.PropagationPolicy(metav1.DeletePropagationBackground), client.Preconditions{UID: &job.UID}))
}

// takeAnswer reads what the probe left in its pod's status. It is false while
// that may still come.
func (r *LFSStoreReconciler) takeAnswer(ctx context.Context, p *storePass, job *batchv1.Job, why string) (bool, error) {
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.InNamespace(job.Namespace), client.MatchingLabels{v1alpha1.LabelStore: p.store.Name}); err != nil {
		return false, err
	}
	words := lastTermination(pods.Items, job.UID)
	if words == "" && p.now.Sub(finishedAt(job)) < answerLag {
		p.again(time.Second)
		return false, nil
	}
	found := serverstatus.Store{}
	if err := json.Unmarshal([]byte(words), &found); err != nil || found.Reason == "" {
		p.ready = no(v1alpha1.ReasonProbeFailed, fmt.Sprintf("Job %s failed: %s", job.Name, orElse(lastLine(words), orElse(why, "it left no answer")))).needsPerson()
		found.Capabilities = nil
	} else {
		p.ready = storeVerdict(p.store, found)
	}
	p.store.Status.Probe = &v1alpha1.StoreProbe{
		FinishedAt: metav1.NewTime(p.now.Truncate(time.Second)), ObservedGeneration: p.store.Generation,
		Capabilities: capabilities(found),
	}
	if found.Sessions != nil {
		p.noSessions = found.Sessions.Message
	}
	p.again(leastProbeWait)
	return true, nil
}

// lastTermination is what the container of a Job's pod left when it ended. Pods
// of an earlier Job of the same name may still be there.
func lastTermination(pods []corev1.Pod, job types.UID) string {
	for i := range pods {
		if pods[i].Labels[batchv1.ControllerUidLabel] != string(job) {
			continue
		}
		for _, c := range pods[i].Status.ContainerStatuses {
			if t := c.State.Terminated; t != nil {
				return t.Message
			}
		}
	}
	return ""
}

// finishedAt is when a Job ended.
func finishedAt(job *batchv1.Job) time.Time {
	for _, c := range job.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

// storeVerdict says what an answer means for the store.
func storeVerdict(store *v1alpha1.LFSStore, found serverstatus.Store) *verdict {
	switch {
	case found.Ready:
		return yes(serverstatus.ReasonStoreReady, "the store is reachable, takes the credentials, and does what is needed of it")
	case found.Reason == serverstatus.ReasonBucketMissing && store.Spec.Bucket == "" && len(store.Spec.AllowedBuckets) == 0:
		// It has answered that, and there need not be a bucket of this name.
		return yes(serverstatus.ReasonStoreReady, "the store is reachable and takes the credentials; what it can do is seen when the first repository has its bucket")
	case curable[found.Reason]:
		return no(found.Reason, found.Message)
	default:
		return no(found.Reason, found.Message).needsPerson()
	}
}

func capabilities(found serverstatus.Store) *v1alpha1.StoreCapabilities {
	c := found.Capabilities
	if c == nil {
		return nil
	}
	say := func(can bool) v1alpha1.Capability {
		if can {
			return v1alpha1.CapabilityYes
		}
		return v1alpha1.CapabilityNo
	}
	sts := v1alpha1.CapabilityUnknown
	if found.Sessions != nil {
		sts = say(found.Sessions.Bound)
	}
	return &v1alpha1.StoreCapabilities{
		SignedChecksum: say(c.SignedChecksum), QuerySHA256: say(c.QuerySHA256), ConditionalWrites: say(c.ConditionalWrites),
		PresignExpiry: say(c.PresignExpiry), ForgedWrites: say(c.ForgedWrites), Versioned: say(c.Versioned), STS: sts,
	}
}
