//go:build e2e

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

// TestServiceAccountPush: a pod pushes with git-lfs by the token that the kubelet
// projects for it, and there is no other secret in it. Without the verb it may
// not, and the server says what is missing.
func TestServiceAccountPush(t *testing.T) {
	t.Parallel()
	r := readyRepository(t, harness.Repository{Name: "pods", Spec: "  access: {kubernetes: {}}\n"})
	_, err := env.WaitCondition(t.Context(), r.Namespace, r.Name, "AccessReady", "True", "", readyLimit)
	noError(t, err)
	noError(t, env.Apply(t.Context(), fmt.Sprintf(`apiVersion: v1
kind: ServiceAccount
metadata: {name: trainer, namespace: %[1]s}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: push-pods, namespace: %[1]s}
rules:
- {apiGroups: [lfs-operator.dev], resources: [lfsrepositories], resourceNames: [pods], verbs: [push]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: push-pods, namespace: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: push-pods}
subjects: [{kind: ServiceAccount, name: trainer, namespace: %[1]s}]
`, r.Namespace)))

	content := fmt.Sprintf("trained at %s", time.Now())
	sum := sha256.Sum256([]byte(content))
	oid := hex.EncodeToString(sum[:])
	for name, tc := range map[string]struct{ serviceAccount, phase, says string }{
		"stranger": {"default", "Failed", "verb pull, push or admin on lfsrepositories.lfs-operator.dev pods"},
		"trainer":  {"trainer", "Succeeded", ""},
	} {
		noError(t, env.Apply(t.Context(), pusher(r, name, tc.serviceAccount, content)))
		var phase string
		until(t, readyLimit, "pod "+name+" ends", func() (bool, string) {
			phase = kubectl(t, "-n", r.Namespace, "get", "pod", name, "-o", "jsonpath={.status.phase}")
			return phase == "Succeeded" || phase == "Failed", phase
		})
		log := kubectl(t, "-n", r.Namespace, "logs", name)
		if phase != tc.phase || !strings.Contains(log, tc.says) {
			t.Errorf("pod %s: %s, want %s and %q:\n%s", name, phase, tc.phase, tc.says, log)
		}
	}
	if !stored(t, r, oid) {
		t.Error("what the pod pushed is not in the store")
	}
}

// pusher is a pod that commits a file and pushes its content. All that it brings
// is in its manifest; the token alone comes from the kubelet.
func pusher(r *harness.Repository, name, serviceAccount, content string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  restartPolicy: Never
  serviceAccountName: %[3]s
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 65532, fsGroup: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: git
    image: localhost/lfs-operator-gitserver:dev
    imagePullPolicy: IfNotPresent
    workingDir: /work
    env:
    - {name: PATH, value: "/usr/bin:/bin"}
    - {name: HOME, value: /work}
    - {name: GIT_TERMINAL_PROMPT, value: "0"}
    - {name: CONTENT, value: %[5]q}
    command:
    - /bin/sh
    - -ec
    - |
      git init -q -b main repo
      cd repo
      git config user.name pod
      git config user.email pod@example.com
      git config lfs.url %[4]s
      git config credential.helper '!f() { read -r token </var/run/lfs/token || true; echo username=serviceaccount; echo "password=$token"; }; f'
      git remote add origin http://git.git.svc/pods.git
      git lfs install --local
      git lfs track '*.bin'
      printf %%s "$CONTENT" >model.bin
      git add .
      git commit -q -m 'A model'
      git lfs push --all origin
    resources: {requests: {cpu: 10m, memory: 64Mi}, limits: {memory: 256Mi}}
    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
    volumeMounts:
    - {name: work, mountPath: /work}
    - {name: lfs, mountPath: /var/run/lfs, readOnly: true}
    - {name: tmp, mountPath: /tmp}
  volumes:
  - {name: work, emptyDir: {}}
  - {name: tmp, emptyDir: {}}
  - name: lfs
    projected:
      sources:
      - serviceAccountToken: {path: token, audience: lfs-operator.dev/%[1]s/%[6]s}
`, r.Namespace, name, serviceAccount, fmt.Sprintf("http://%s-lfs.%s.svc/%s/%s.git/info/lfs", r.Name, r.Namespace, r.Namespace, r.Name), content, r.Name)
}
