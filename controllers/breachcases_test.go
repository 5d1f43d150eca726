package controllers

import (
	"encoding/json"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/storesession"
)

// atTheAPIServer: what A may do with A's own account.
func (m *intruder) atTheAPIServer() {
	ctx := m.t.Context()
	bModels := &v1alpha1.LFSRepository{ObjectMeta: metav1.ObjectMeta{Namespace: m.b.ns, Name: "models"}}
	patch := func(raw string) client.Patch { return client.RawPatch(types.MergePatchType, []byte(raw)) }
	m.refused("read B's LFSRepository", m.a.Get(ctx, client.ObjectKeyFromObject(bModels), &v1alpha1.LFSRepository{}))
	m.refused("list B's LFSRepositories", m.a.List(ctx, &v1alpha1.LFSRepositoryList{}, client.InNamespace(m.b.ns)))
	m.refused("ask for garbage collection of B's", m.a.Patch(ctx, bModels.DeepCopy(), patch(`{"metadata":{"annotations":{"lfs-operator.dev/run-gc":"a"}}}`)))
	m.refused("rotate B's tokens", m.a.Patch(ctx, bModels.DeepCopy(), patch(`{"metadata":{"annotations":{"lfs-operator.dev/rotate-tokens":"a"}}}`)))
	m.refused("delete B's LFSRepository", m.a.Delete(ctx, bModels.DeepCopy()))
	m.refused("write B's status", m.a.Status().Patch(ctx, bModels.DeepCopy(), patch(`{"status":{"url":"http://a"}}`)))

	at := serverOf(m.b.get("models"))
	accounts := map[string]string{m.b.ns: "models-lfs", m.servers: at.Base + "-lfs", m.operator: "lfs-operator"}
	for namespace, account := range accounts {
		key := client.ObjectKey{Namespace: namespace, Name: "admin-credentials"}
		m.refused("read a Secret in "+namespace, m.a.Get(ctx, key, &corev1.Secret{}))
		for _, list := range []client.ObjectList{
			&corev1.SecretList{}, &corev1.ConfigMapList{}, &corev1.PodList{}, &corev1.EventList{}, &appsv1.DeploymentList{}, &batchv1.JobList{},
		} {
			m.refused(fmt.Sprintf("list %T in %s", list, namespace), m.a.List(ctx, list, client.InNamespace(namespace)))
		}
		sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: account}}
		m.refused("a token of "+namespace+"/"+account, m.a.SubResource("token").Create(ctx, sa, &authenticationv1.TokenRequest{}))
		pod := m.strangersPod("thief", nil)
		pod.Namespace = namespace
		m.refused("a pod in "+namespace, m.a.Create(ctx, pod))
		m.refused("a CronJob's Job in "+namespace, m.a.Create(ctx, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "thief"}}))
		m.refused("a RoleBinding in "+namespace, m.a.Create(ctx, binding(namespace, "view")))
		for _, sub := range []string{"exec", "portforward", "log", "attach", "proxy"} {
			m.so(sub+" into pods of "+namespace, !m.may("create", "pods", sub, namespace) && !m.may("get", "pods", sub, namespace), "allowed")
		}
		m.so("a proxy to services of "+namespace, !m.may("get", "services", "proxy", namespace), "allowed")
		m.so("impersonating accounts of "+namespace, !m.may("impersonate", "serviceaccounts", "", namespace), "allowed")
	}
	for _, verb := range []string{"pull", "push", "admin"} {
		m.so(verb+" on B's LFSRepository", !m.may(verb, "lfsrepositories", "", m.b.ns), "allowed")
	}
	m.beyondNamespaces()
}

// beyondNamespaces: the administrator's own objects, and ways to more permissions.
func (m *intruder) beyondNamespaces() {
	ctx := m.t.Context()
	patch := func(raw string) client.Patch { return client.RawPatch(types.MergePatchType, []byte(raw)) }
	store := &v1alpha1.LFSStore{ObjectMeta: metav1.ObjectMeta{Name: m.ns + "-closed"}}
	m.refused("read an LFSStore", m.a.Get(ctx, client.ObjectKeyFromObject(store), &v1alpha1.LFSStore{}))
	m.refused("list LFSStores", m.a.List(ctx, &v1alpha1.LFSStoreList{}))
	m.refused("open an LFSStore", m.a.Patch(ctx, store.DeepCopy(), patch(`{"spec":{"allowedNamespaces":{"from":"All"}}}`)))
	mine := &v1alpha1.LFSStore{ObjectMeta: metav1.ObjectMeta{Name: m.ns + "-mine"}}
	mine.Spec = v1alpha1.LFSStoreSpec{Endpoint: "http://a", ServerNamespace: m.servers, Bucket: "mine", CredentialsSecretRef: &v1alpha1.LocalReference{Name: "admin-credentials"}}
	m.refused("an LFSStore of A's own", m.a.Create(ctx, mine))
	m.refused("label A's namespace", m.a.Patch(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: m.ns}}, patch(`{"metadata":{"labels":{"lfs":"yes"}}}`)))
	m.refused("join the token reviewers", m.a.Patch(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: desired.TokenReviewers}}, patch(`{"subjects":[]}`)))
	m.refused("write the status of A's own", m.a.Status().Patch(ctx, &v1alpha1.LFSRepository{ObjectMeta: metav1.ObjectMeta{Namespace: m.ns, Name: "any"}}, patch(`{"status":{"url":"http://a"}}`)))
	for _, role := range []string{"lfs-operator", "lfs-operator-token-reviewer", "cluster-admin"} {
		m.refused("bind "+role, m.a.Create(ctx, binding(m.ns, role)))
	}
	m.refused("a Role with more than A has", m.a.Create(ctx, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: m.ns, Name: "more"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"lfsrepositories/status"}, Verbs: []string{"update"}}},
	}))
}

func binding(namespace, role string) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "thief-" + role},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "default"}},
	}
}

// may lets A ask what they may do.
func (m *intruder) may(verb, resource, sub, namespace string) bool {
	m.t.Helper()
	group := ""
	if resource == "lfsrepositories" {
		group = v1alpha1.GroupVersion.Group
	}
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
		Verb: verb, Group: group, Resource: resource, Subresource: sub, Namespace: namespace,
	}}}
	m.do(m.a.Create(m.t.Context(), review))
	return review.Status.Allowed
}

// manifest is an LFSRepository with a spec that is written down.
func (m *intruder) manifest(name, spec string) *unstructured.Unstructured {
	m.t.Helper()
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": v1alpha1.GroupVersion.String(), "kind": "LFSRepository"}}
	u.SetNamespace(m.ns)
	u.SetName(name)
	var v map[string]any
	m.do(json.Unmarshal([]byte(spec), &v))
	u.Object["spec"] = v
	return u
}

// inTheManifest: names and paths that lead elsewhere.
func (m *intruder) inTheManifest() {
	create := func(name, spec string) error {
		return m.a.Create(m.t.Context(), m.manifest(name, spec), client.DryRunAll)
	}
	for _, name := range []string{"..", "../" + m.b.ns, "models/../../b", "models%2f..", "Models", "models.git", "mödels", "models.", "-models", "models ", strings.Repeat("a", 41)} {
		m.refused("the name "+name, create(name, `{}`), metav1.StatusReasonInvalid, metav1.StatusReasonNotFound)
	}
	const own = `{"bucket":"%s","prefix":"%s","storage":{"endpoint":"http://store.example:9000","credentialsSecretRef":{"name":"%s"}}}`
	for _, prefix := range []string{"../", "a/../b/", "/", "/a/", "a//", "./", "%2e%2e/", "a/./", "ａ/", "a\\\\b/", m.b.ns, "a/b"} {
		m.refused("the prefix "+prefix, create("x", fmt.Sprintf(own, "bucket", prefix, "s")), metav1.StatusReasonInvalid)
	}
	for _, bucket := range []string{"../shared", "shared/" + m.b.ns, "Shared", "shared?x", "sha..red", "..", "%2e%2e"} {
		m.refused("the bucket "+bucket, create("x", fmt.Sprintf(own, bucket, "a/", "s")), metav1.StatusReasonInvalid)
	}
	for _, secret := range []string{m.b.ns + "/admin-credentials", "../admin-credentials", "..", "a:b"} {
		m.refused("the Secret "+secret, create("x", fmt.Sprintf(own, "bucket", "a/", secret)), metav1.StatusReasonInvalid)
		m.refused("the Git Secret "+secret, create("x", fmt.Sprintf(`{"history":[{"name":"main","url":"https://git/x","secretRef":{"name":%q}}]}`, secret)), metav1.StatusReasonInvalid)
		m.refused("the key "+secret, create("x", fmt.Sprintf(`{"access":{"jwt":{"issuers":[{"name":"i","keySecretRef":{"name":%q}}]}}}`, secret)), metav1.StatusReasonInvalid)
	}
	for _, store := range []string{"../standard", "a/b", "STANDARD", ".."} {
		m.refused("the store "+store, create("x", fmt.Sprintf(`{"storeRef":{"name":%q}}`, store)), metav1.StatusReasonInvalid)
	}
	in := fmt.Sprintf(`{"storeRef":{"name":%q},`, m.ns)
	m.refused("a prefix in an LFSStore", create("x", in+fmt.Sprintf(`"prefix":"%s/models/"}`, m.b.ns)), metav1.StatusReasonInvalid)
	m.refused("credentials in an LFSStore", create("x", in+`"bucket":"shared","storage":{"endpoint":"http://a","credentialsSecretRef":{"name":"s"}}}`), metav1.StatusReasonInvalid)
	m.refused("a role in an LFSStore", create("x", in+`"bucket":"shared","storage":{"endpoint":"http://a","webIdentity":{"roleARN":"`+role+`"}}}`), metav1.StatusReasonInvalid)
	// The token of a server is sent to where the tenant says.
	for _, audience := range []string{"https://kubernetes.default.svc", "https://kubernetes.default.svc.cluster.local", storesession.Audience, v1alpha1.AudiencePrefix + m.b.ns + "/models", ""} {
		m.refused("a token for "+audience, create("x", fmt.Sprintf(
			`{"bucket":"b-b","storage":{"endpoint":"http://a","webIdentity":{"roleARN":%q,"audience":%q}}}`, role, audience)), metav1.StatusReasonInvalid)
	}
	m.refused("an audience of the API server's", create("x", in+`"access":{"kubernetes":{"audience":"https://kubernetes.default.svc"}}}`), metav1.StatusReasonInvalid)
	m.refused("a host with a path", create("x", in+fmt.Sprintf(`"exposure":{"endpoints":[{"host":"lfs/%s"}]}}`, m.b.ns)), metav1.StatusReasonInvalid)
}

// inThePodTemplate: fields that are not on the list are refused by name, and
// dropped where somebody turns validation off.
func (m *intruder) inThePodTemplate() {
	ctx := m.t.Context()
	const in = `{"bucket":"bucket","storage":{"endpoint":"http://store.example:9000","credentialsSecretRef":{"name":"s"}},"server":{"podTemplate":%s}}`
	overlays := map[string]string{
		"volumes": `{"volumes":[{"name":"h","hostPath":{"path":"/"}}]}`, "containers": `{"containers":[{"name":"server","image":"evil"}]}`,
		"init containers": `{"initContainers":[{"name":"x","image":"evil"}]}`, "ephemeral containers": `{"ephemeralContainers":[{"name":"x"}]}`,
		"ServiceAccount": `{"serviceAccountName":"admin"}`, "its token": `{"automountServiceAccountToken":true}`,
		"security context": `{"securityContext":{"runAsUser":0}}`, "privileged": `{"securityContext":{"privileged":true}}`,
		"host network": `{"hostNetwork":true}`, "host PID": `{"hostPID":true}`, "host IPC": `{"hostIPC":true}`, "host users": `{"hostUsers":true}`, "host aliases": `{"hostAliases":[{"ip":"1.2.3.4","hostnames":["s3"]}]}`,
		"environment": `{"env":[{"name":"A","value":"b"}]}`, "environment of a Secret": `{"envFrom":[{"secretRef":{"name":"admin-credentials"}}]}`, "command": `{"command":["sh"]}`, "image": `{"image":"evil"}`,
		"node": `{"nodeName":"control-plane"}`, "runtime class": `{"runtimeClassName":"other"}`, "DNS": `{"dnsConfig":{"nameservers":["1.2.3.4"]}}`, "a whole pod": `{"spec":{"hostNetwork":true}}`,
	}
	for name, overlay := range overlays {
		err := m.a.Create(ctx, m.manifest("x", fmt.Sprintf(in, overlay)), client.DryRunAll, client.FieldValidation("Strict"))
		m.refused("pod template: "+name, err, metav1.StatusReasonBadRequest)
		u := m.manifest("x", fmt.Sprintf(in, overlay))
		m.do(m.a.Create(ctx, u, client.DryRunAll, client.FieldValidation("Ignore")))
		template, _, _ := unstructured.NestedMap(u.Object, "spec", "server", "podTemplate")
		m.so("pod template, not validated: "+name, len(template) == 0, template)
	}
	for _, key := range []string{"lfs-operator.dev/repository-uid", "app.kubernetes.io/component", "app.kubernetes.io/instance", "lfs-operator.dev/mounts"} {
		for _, field := range []string{"labels", "annotations"} {
			err := m.a.Create(ctx, m.manifest("x", fmt.Sprintf(in, fmt.Sprintf(`{%q:{%q:"b"}}`, field, key))), client.DryRunAll)
			m.refused("pod template: "+field+" "+key, err, metav1.StatusReasonInvalid)
		}
	}
	// Where the server is the administrator's, so is its pod.
	spec := fmt.Sprintf(`{"storeRef":{"name":%q},"server":{"podTemplate":{"labels":{"a":"b"},"annotations":{"a":"b"},"nodeSelector":{"control-plane":""},"priorityClassName":"high","imagePullSecrets":[{"name":"admin-credentials"}],"tolerations":[{"operator":"Exists"}]}}}`, m.ns)
	m.do(m.a.Create(ctx, m.manifest("overlay", spec)))
	at := serverOf(m.ready("overlay"))
	d := &appsv1.Deployment{}
	m.do(m.c.Get(ctx, client.ObjectKey{Namespace: m.servers, Name: desired.ServerName(at.Base)}, d))
	pod := d.Spec.Template
	m.so("pod template: the administrator's pods", pod.Labels["a"] == "" && pod.Annotations["a"] == "" && pod.Spec.NodeSelector == nil &&
		pod.Spec.PriorityClassName == "" && pod.Spec.ImagePullSecrets == nil && pod.Spec.Tolerations == nil, pod)
}

// whereTheDataLies: other stores and buckets by name, and a change of mind.
func (m *intruder) whereTheDataLies() {
	ctx := m.t.Context()
	m.stalls("closed", v1alpha1.ReasonStoreNotUsable, m.own(), func(r *v1alpha1.LFSRepository) { r.Spec.StoreRef.Name += "-closed" })
	m.stalls("nowhere", v1alpha1.ReasonStoreNotUsable, m.own(), func(r *v1alpha1.LFSRepository) { r.Spec.StoreRef.Name += "-nowhere" })
	m.stalls("bucket", v1alpha1.ReasonLimitExceeded, m.own(), func(r *v1alpha1.LFSRepository) { r.Spec.Bucket = "backups" })
	m.stalls("key", v1alpha1.ReasonLimitExceeded, m.own(), func(r *v1alpha1.LFSRepository) {
		r.Spec.Access = &v1alpha1.Access{JWT: &v1alpha1.JWTAccess{Issuers: []v1alpha1.JWTIssuer{{Name: "i", KeySecretRef: &v1alpha1.LocalReference{Name: "admin-credentials"}}}}}
	})
	m.stalls("ca", v1alpha1.ReasonLimitExceeded, m.own(), func(r *v1alpha1.LFSRepository) {
		r.Spec.Access = &v1alpha1.Access{JWT: &v1alpha1.JWTAccess{Issuers: []v1alpha1.JWTIssuer{{Name: "i", URL: "https://i", CASecretRef: &v1alpha1.LocalReference{Name: "admin-credentials"}}}}}
	})
	m.stalls("resources", v1alpha1.ReasonLimitExceeded, m.own(), func(r *v1alpha1.LFSRepository) {
		r.Spec.Server = &v1alpha1.Server{Resources: &corev1.ResourceRequirements{}}
	})
	m.do(m.a.Create(ctx, m.repository("moves", m.own())))
	repo := m.ready("moves")
	for what, change := range map[string]string{
		"another store": `{"spec":{"storeRef":{"name":"other"}}}`, "no store": `{"spec":{"storeRef":null}}`, "another bucket": `{"spec":{"bucket":"allowed"}}`,
		"storage of A's own": `{"spec":{"storeRef":null,"bucket":"b","storage":{"endpoint":"http://a","credentialsSecretRef":{"name":"s"}}}}`,
	} {
		err := m.a.Patch(ctx, repo.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(change)))
		m.refused("later: "+what, err, metav1.StatusReasonInvalid)
	}
}

// byForgedObjects: A may make pods, Jobs and others, and label them as B's or as
// the operator's.
func (m *intruder) byForgedObjects() {
	ctx := m.t.Context()
	m.do(m.a.Create(ctx, m.repository("forged", m.own())))
	own, theirs := m.ready("forged"), m.b.get("models")
	for _, victim := range []*v1alpha1.LFSRepository{own, theirs} {
		labels := desired.Labels(victim, desired.ComponentServer)
		labels[v1alpha1.LabelRepositoryNamespace] = victim.Namespace
		pod := m.strangersPod("server-of-"+victim.Namespace, labels)
		m.do(m.a.Create(ctx, pod))
		pod.Status.Phase, pod.Status.PodIP = corev1.PodRunning, "10.1.2.3"
		m.do(m.c.Status().Update(ctx, pod)) // the kubelet's
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: m.ns, Name: "scan-of-" + victim.Namespace, Labels: desired.Labels(victim, desired.ComponentGC)}}
		job.Labels[v1alpha1.LabelRepositoryNamespace] = victim.Namespace
		job.Spec.Template.Spec = corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "x", Image: "x"}}}
		if victim == theirs {
			m.do(m.a.Create(ctx, job))
			m.finish(job, batchv1.JobComplete, "")
		}
	}
	// A change of each makes the operator look at all that it would believe.
	for _, victim := range []*v1alpha1.LFSRepository{own, theirs} {
		m.do(m.c.Patch(ctx, victim, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"keepVersions":7}}`))))
	}
	m.ready("forged")
	m.b.ready("models")
	m.settled()
	for _, victim := range []*v1alpha1.LFSRepository{own, theirs} {
		name := "server-of-" + victim.Namespace
		m.so("a pod that calls itself a server of "+victim.Namespace, !m.server.asked(m.ns, name), "it was asked, and told the token")
	}
	var sweeps batchv1.JobList
	m.do(m.c.List(ctx, &sweeps, client.InNamespace(m.servers), client.MatchingLabels{desired.LabelComponent: desired.ComponentSweep, v1alpha1.LabelRepositoryUID: string(theirs.UID)}))
	m.so("a Job that calls itself a scan of B's", len(sweeps.Items) == 0, sweeps.Items)
}

// byTheNameOfTheDead: who makes a repository of a name that was somebody else's
// gets neither their data nor a token that they still have.
func (m *intruder) byTheNameOfTheDead() {
	ctx := m.t.Context()
	m.do(m.a.Create(ctx, m.repository("heir", m.own())))
	first := m.ready("heir")
	token := string(m.secret("heir-lfs-access").Data["password"])
	m.do(m.a.Delete(ctx, first.DeepCopy()))
	m.gone("heir")
	of := client.MatchingLabels{v1alpha1.LabelRepositoryUID: string(first.UID)}
	for _, o := range append(metadataOnly(), &corev1.Secret{}) { // nobody else collects garbage here
		m.do(m.c.DeleteAllOf(ctx, o, client.InNamespace(m.ns), of))
	}
	m.do(m.a.Create(ctx, m.repository("heir", m.own())))
	second := m.ready("heir")
	m.so("another prefix", first.Status.Location.Prefix != second.Status.Location.Prefix, second.Status.Location)
	m.so("another server", serverOf(first) != serverOf(second), serverOf(second))
	m.so("another token", token != string(m.secret("heir-lfs-access").Data["password"]), "the same")
}
