package controllers

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/apply"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/storesession"
)

// issuerKinds are what the issuer of sessions is made of.
var issuerKinds = []schema.GroupVersionKind{
	corev1.SchemeGroupVersion.WithKind("ServiceAccount"),
	corev1.SchemeGroupVersion.WithKind("Service"),
	networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"),
	appsv1.SchemeGroupVersion.WithKind("Deployment"),
}

// sessions brings the issuer of the store's sessions to life, and says when servers
// are to go over to them. Once they have, they stay: whatever goes wrong with the
// store then is told, and never answered by handing out the key.
func (r *LFSStoreReconciler) sessions(ctx context.Context, p *storePass) error {
	wanted, why := p.wantsSessions()
	if !wanted {
		p.sessions = why
		p.store.Status.Sessions = ""
		return r.pruneIssuer(ctx, p, nil)
	}
	key := r.Master.GrantKey(string(p.store.UID)).Public().(ed25519.PublicKey)
	set, err := desired.Issuer(p.store, key, r.Install)
	if err != nil {
		return err
	}
	if p.store.Status.Sessions == "" {
		p.store.Status.Sessions = v1alpha1.SessionsStarting
	}
	if err := r.Applier.Apply(ctx, p.live, set); err != nil {
		return r.issuerRefused(p, err)
	}
	if err := r.pruneIssuer(ctx, p, set); err != nil {
		return err
	}
	deployment := &appsv1.Deployment{}
	err = r.Get(ctx, client.ObjectKey{Namespace: p.store.Spec.ServerNamespace, Name: desired.IssuerName(p.store)}, deployment)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return fmt.Errorf("reading the session issuer's Deployment: %w", err)
	case err == nil && deployment.Status.AvailableReplicas > 0:
		p.store.Status.Sessions = v1alpha1.SessionsActive
		p.sessions = yes(v1alpha1.ReasonSessionsActive, "servers hold sessions that are bound to the prefix of their repository, and not the store's key")
	default:
		p.sessions = no(v1alpha1.ReasonSessionsStarting, fmt.Sprintf(
			"the session issuer, Deployment %s/%s, has no ready pod: see its log; %s", p.store.Spec.ServerNamespace, desired.IssuerName(p.store), p.meanwhile()))
	}
	return nil
}

// pruneIssuer removes what is applied for the store and not in the set, but for the
// probe's policy, which stays between probes.
func (r *LFSStoreReconciler) pruneIssuer(ctx context.Context, p *storePass, set []runtime.ApplyConfiguration) error {
	keep := slices.Concat(set, desired.ProbeNetworkPolicy(p.store, r.Install))
	return r.Applier.Prune(ctx, p.live, p.store.Spec.ServerNamespace, issuerKinds, keep, ofStore(p.store, desired.ComponentSessions)...)
}

// meanwhile says what servers do without a new session.
func (p *storePass) meanwhile() string {
	if p.store.UsesSessions() {
		return "servers work on with the sessions that they have"
	}
	return "until then servers hold the store's key"
}

// wantsSessions decides whether there is to be an issuer, and if not why.
func (p *storePass) wantsSessions() (bool, *verdict) {
	mode := p.store.SessionMode()
	template := p.store.Spec.PrefixTemplate
	switch {
	case mode == v1alpha1.SessionsOff:
		return false, no(v1alpha1.ReasonSessionsOff, "spec.sessions.mode is Off: every server of this store holds the store's key")
	case !storesession.Bindable(template):
		const remedy = "make a new LFSStore whose spec.prefixTemplate holds no *"
		if mode == v1alpha1.SessionsRequired {
			p.ready = no(v1alpha1.ReasonSessionsUnavailable, "servers are to hold sessions alone (spec.webIdentity, or Required as spec.sessions.mode), and no session can be bound to spec.prefixTemplate "+template+": "+remedy).needsPerson()
		}
		return false, no(v1alpha1.ReasonSessionsUnavailable, "no session can be bound to spec.prefixTemplate "+template+", since * stands for anything in policies: "+remedy)
	case mode == v1alpha1.SessionsRequired, p.store.Status.Sessions != "":
		return true, nil
	}
	probe := p.store.Status.Probe
	if probe == nil || probe.Capabilities == nil {
		return false, unknown(v1alpha1.ReasonProgressing, "whether the store makes sessions is being found out")
	}
	if probe.Capabilities.STS == v1alpha1.CapabilityYes {
		return true, nil
	}
	// What the last probe said stays until the next one.
	if was := meta.FindStatusCondition(p.live.Status.Conditions, v1alpha1.ConditionSessionsIssued); p.noSessions == "" && was != nil && was.Reason == v1alpha1.ReasonSessionsUnavailable {
		return false, no(was.Reason, was.Message)
	}
	return false, no(v1alpha1.ReasonSessionsUnavailable, "every server of this store holds the store's key: "+orElse(p.noSessions, "the store makes no sessions"))
}

// issuerRefused tells what keeps the issuer from being made.
func (r *LFSStoreReconciler) issuerRefused(p *storePass, err error) error {
	var refused *apply.RefusedError
	var foreign *apply.ForeignError
	switch {
	case errors.As(err, &foreign):
		p.sessions = no(v1alpha1.ReasonForeignObject, foreign.Error())
	case errors.As(err, &refused):
		p.sessions = no(v1alpha1.ReasonApplyRefused, refused.Error())
	case apierrors.IsNotFound(err), apply.IsTerminating(err):
		p.sessions = no(v1alpha1.ReasonSessionsStarting, fmt.Sprintf("namespace %q does not exist or is being deleted", p.store.Spec.ServerNamespace))
	default:
		return err
	}
	p.again(recheck)
	return nil
}

// ofStore finds what is made for a store as a component.
func ofStore(store *v1alpha1.LFSStore, component string) []client.ListOption {
	return []client.ListOption{client.MatchingFields{byOwner: string(store.UID)}, client.MatchingLabels{desired.LabelComponent: component}}
}

// writesAuthentic warns of a store to which whoever holds a link could write what
// they like. It is no reason to refuse the store: within one repository everybody
// with a link is let in to some degree, a store cannot be told from a mended one
// by its version, and administrators may keep such requests away by other means.
func (p *storePass) writesAuthentic() *verdict {
	probe := p.store.Status.Probe
	if probe == nil || probe.Capabilities == nil {
		return nil
	}
	if probe.Capabilities.ForgedWrites == v1alpha1.CapabilityYes {
		return no(v1alpha1.ReasonForgedWrites, "the store takes uploads that nobody has signed, for whoever knows the ID of an access key, and every link holds one: "+
			"whoever may read could write wrong content. Upgrade the store, or have a proxy refuse requests with x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER")
	}
	return yes(v1alpha1.ReasonOnlySignedWrites, "the store takes no upload that was not signed")
}

// sessionsChanged lets the update through by which servers get sessions, or no more.
func sessionsChanged() predicate.Predicate {
	of := func(o client.Object) v1alpha1.StoreSessionState {
		if store, ok := o.(*v1alpha1.LFSStore); ok {
			return store.Status.Sessions
		}
		return ""
	}
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool { return of(e.ObjectOld) != of(e.ObjectNew) }}
}
