package lfsserver_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// TestServiceAccounts: what a token is good for is what the API server says of
// its ServiceAccount.
func TestServiceAccounts(t *testing.T) {
	t.Parallel()
	k := newCluster(t)
	s := lfstest.Start(t, assets.SharedStore(t), k.admitting()...)
	for verb, want := range map[string]struct{ download, upload int }{
		"pull": {200, 403}, "push": {200, 200}, "admin": {200, 200}, "get": {403, 403}, "": {403, 403},
	} {
		name := "with-" + verb + "-only"
		k.serviceAccount(name)
		if verb != "" {
			k.grant(name, verb, "models")
		}
		token := k.token(name, audience)
		for how, authorization := range map[string]string{"Basic": lfstest.Basic(token), "Bearer": "Bearer " + token} {
			if got := [2]int{allowed(s, authorization, "download"), allowed(s, authorization, "upload")}; got != [2]int{want.download, want.upload} {
				t.Errorf("verb %q as %s: %v, want %v", verb, how, got, want)
			}
		}
	}
	k.serviceAccount("elsewhere")
	k.grant("elsewhere", "push", "other")
	token := "Bearer " + k.token("elsewhere", audience)
	resp, body := s.Post(s.Root()+"/objects/batch", token, []byte(`{"operation":"upload","objects":[]}`))
	if resp.StatusCode != 403 || !strings.Contains(string(body), "verb pull, push or admin on lfsrepositories.lfs-operator.dev models") {
		t.Errorf("a verb on another repository: %d %s, want 403 and what is needed", resp.StatusCode, body)
	}
	if log := s.Log.String(); !strings.Contains(log, `"principal":"serviceaccount:`+k.namespace+`/with-push-only"`) || strings.Contains(log, token[7:60]) {
		t.Error("the log does not say who it was, or holds the token")
	}
}

// TestDedicatedAudience: a token that opens anything else is not taken, so that
// no repository can be a trap for it.
func TestDedicatedAudience(t *testing.T) {
	t.Parallel()
	k := newCluster(t)
	s := lfstest.Start(t, assets.SharedStore(t), k.admitting()...)
	k.serviceAccount("ci")
	k.grant("ci", "push", "models")
	token := k.token("ci", audience)
	for name, tc := range map[string]struct {
		token string
		want  int
	}{
		"for this repository":               {token, 200},
		"for the API server":                {k.token("ci"), 401},
		"for both":                          {k.token("ci", audience, "https://kubernetes.default.svc"), 401},
		"for another repository":            {k.token("ci", "lfs-operator.dev/team-a/other"), 401},
		"for this and another repository":   {k.token("ci", audience, "lfs-operator.dev/team-a/other"), 401},
		"tampered with":                     {tampered(token), 401},
		"signed by somebody else":           {sign(t, newRSA(t, ""), map[string]any{"aud": []string{audience}, "sub": "system:serviceaccount:" + k.namespace + ":ci", "exp": inSeconds(600)}), 401},
		"of a user and not of the cluster":  {sign(t, newRSA(t, ""), map[string]any{"aud": []string{audience}, "sub": "somebody", "exp": inSeconds(600)}), 401},
		"without a signature":               {unsigned("none", map[string]any{"aud": []string{audience}, "sub": "system:serviceaccount:" + k.namespace + ":ci", "exp": inSeconds(600)}), 401},
		"of a ServiceAccount that has gone": {k.tokenOfOneThatGoes(audience), 401},
	} {
		for range 2 {
			if got := allowed(s, "Bearer "+tc.token, "upload"); got != tc.want {
				t.Errorf("%s: %d, want %d", name, got, tc.want)
			}
		}
	}
	bad := s.Config.Access.Kubernetes
	s.Config.Access.Kubernetes = &serverconfig.KubernetesAccess{Audience: "https://kubernetes.default.svc"}
	raw, err := serverconfig.Marshal(&s.Config)
	if err != nil {
		t.Fatal(err)
	}
	s.WriteFile("config.yaml", string(raw))
	s.Eventually("a configuration that would take the API server's tokens is refused", func() (bool, string) {
		e := s.Status().Config.Error
		return strings.Contains(e, "access.kubernetes.audience"), e
	})
	s.Config.Access.Kubernetes = bad
}

// TestReviewsAreRemembered: one review serves many requests, for a while; and
// while the API server is away, for a while longer.
func TestReviewsAreRemembered(t *testing.T) {
	t.Parallel()
	k := newCluster(t)
	var skew atomic.Int64
	later := func(d time.Duration) { skew.Add(int64(d)) }
	s := lfstest.Start(t, assets.SharedStore(t), append(k.admitting(), lfstest.WithOptions(func(o *lfsserver.Options) {
		o.Now = func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }
	}))...)
	k.serviceAccount("ci")
	k.serviceAccount("late")
	k.grant("ci", "push", "models")
	pod := k.pod("job", "ci")
	token := "Bearer " + k.tokenFor("ci", pod, audience)
	want := func(what, authorization string, status int) {
		t.Helper()
		resp, body := s.Post(s.Root()+"/objects/batch", authorization, []byte(`{"operation":"upload","objects":[]}`))
		if resp.StatusCode != status || status == 429 && resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d (Retry-After %q), want %d: %s", what, resp.StatusCode, resp.Header.Get("Retry-After"), status, body)
		}
	}
	want("at first", token, 200)
	asked := k.gate.connections.Load()
	k.gate.shut(true)
	for range 10 {
		want("remembered", token, 200)
	}
	later(2 * time.Minute)
	want("the API server is away", token, 200)
	want("away, a token that nobody knows", "Bearer "+k.token("late", audience), 429)
	if p := s.Status().Access; len(p) != 1 || p[0].Source != "kubernetes" || p[0].Reason != serverstatus.ReasonAPIServerUnreachable {
		t.Errorf("the status says %+v", p)
	}
	s.Upload("whoever has an access token is served all the same")
	s.Reconfigure(func(c *serverconfig.Config) { c.Policy.KeepVersions = 7 })
	want("away, after another configuration", token, 200)
	later(9 * time.Minute)
	want("away for too long", token, 429)
	k.gate.shut(false)
	want("it is back", token, 200)
	if k.gate.connections.Load() == asked {
		t.Error("it was not asked again")
	}
	s.Eventually("the status has nothing to say", func() (bool, string) { p := s.Status().Access; return len(p) == 0, fmt.Sprint(p) })

	k.revoke("ci", "models")
	later(2 * time.Minute)
	want("the verb was taken away", token, 403)
	k.grant("ci", "push", "models")
	later(2 * time.Minute)
	want("the verb was given back", token, 200)
	k.deletePod(pod)
	want("the pod has gone, a moment ago", token, 200)
	k.forgotten(token[len("Bearer "):])
	later(2 * time.Minute)
	want("the pod has gone", token, 401)
	skew.Store(0)
	short := k.token("ci", audience)
	want("before its end", "Bearer "+short, 200)
	later(time.Hour)
	k.gate.shut(true)
	want("after its end, remembered or not", "Bearer "+short, 401)
}

// TestReviewForbidden: what the server lacks is said before a client meets it.
func TestReviewForbidden(t *testing.T) {
	t.Parallel()
	k := newCluster(t)
	k.serviceAccount("nobody")
	s := lfstest.Start(t, assets.SharedStore(t), append(k.admitting(), lfstest.WithFile("kubernetes/token", k.token("nobody")))...)
	s.Eventually("the status says that reviews are forbidden", func() (bool, string) {
		p := s.Status().Access
		return len(p) == 1 && p[0].Reason == serverstatus.ReasonReviewForbidden, fmt.Sprint(p)
	})
	k.serviceAccount("ci")
	token := "Bearer " + k.token("ci", audience)
	if got := allowed(s, token, "download"); got != http.StatusTooManyRequests {
		t.Errorf("%d, want 429: the token may be good", got)
	}
	s.WriteFile("kubernetes/token", k.token("models-lfs"))
	if got := allowed(s, token, "download"); got != http.StatusForbidden {
		t.Errorf("with a token that may ask: %d, want 403", got)
	}
}

// token of a ServiceAccount for audiences, the API server's own without any.
func (k *cluster) token(name string, audiences ...string) string {
	return k.tokenFor(name, nil, audiences...)
}

// tokenFor binds it to a pod, as the kubelet does for a projected volume.
func (k *cluster) tokenFor(name string, pod *corev1.Pod, audiences ...string) string {
	k.t.Helper()
	r := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: audiences, ExpirationSeconds: new(int64(3600))}}
	if pod != nil {
		r.Spec.BoundObjectRef = &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: pod.Name, UID: pod.UID}
	}
	r, err := k.client.CoreV1().ServiceAccounts(k.namespace).CreateToken(k.t.Context(), name, r, metav1.CreateOptions{})
	k.check(err)
	return r.Status.Token
}

// forgotten waits until the API server does not know a token any more: it
// remembers for some seconds what it has said.
func (k *cluster) forgotten(token string) {
	k.t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		r, err := k.client.AuthenticationV1().TokenReviews().Create(k.t.Context(), &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{audience}},
		}, metav1.CreateOptions{})
		k.check(err)
		if !r.Status.Authenticated {
			return
		}
		if time.Now().After(end) {
			k.t.Fatal("the API server still knows the token after two minutes")
		}
	}
}

func (k *cluster) tokenOfOneThatGoes(audiences ...string) string {
	k.t.Helper()
	k.serviceAccount("gone")
	token := k.token("gone", audiences...)
	k.check(k.client.CoreV1().ServiceAccounts(k.namespace).Delete(k.t.Context(), "gone", metav1.DeleteOptions{}))
	return token
}
