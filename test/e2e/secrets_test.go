//go:build e2e

package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// book knows every secret of the run.
var book secretBook

// secretBook finds secret values where none belong: in logs, events, conditions
// and every object that is not a Secret.
type secretBook struct {
	mu sync.Mutex
	// values by what they are, for the message.
	values map[string]string
}

// open are the keys of our Secrets that hold nothing secret.
var open = map[string]bool{"url": true, "username": true, "AWS_ACCESS_KEY_ID": true, "ca.crt": true}

func (b *secretBook) learn(value, what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.values == nil {
		b.values = map[string]string{}
	}
	b.values[value] = what
}

// learnSecrets reads all Secrets of a namespace.
func (b *secretBook) learnSecrets(ctx context.Context, namespace string) error {
	out, err := env.Kubectl(ctx, "-n", namespace, "get", "secrets", "-o", "json")
	if err != nil {
		return err
	}
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Data     map[string][]byte
		}
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return err
	}
	for _, s := range list.Items {
		for key, value := range s.Data {
			if !open[key] && len(value) >= 12 {
				b.learn(strings.TrimSpace(string(value)), fmt.Sprintf("%s of Secret %s/%s", key, namespace, s.Metadata.Name))
			}
		}
	}
	return nil
}

// find says which secrets stand in a text, plainly or in base64.
func (b *secretBook) find(text string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []string
	for value, what := range b.values {
		for _, form := range []string{value, base64.StdEncoding.EncodeToString([]byte(value))} {
			if strings.Contains(text, form) {
				found = append(found, what)
				break
			}
		}
	}
	// A presigned URL opens an object to whoever reads it.
	if strings.Contains(text, "X-Amz-Signature=") {
		found = append(found, "a presigned URL")
	}
	return found
}

// checkNamespace looks through all that people with less than the right to
// read Secrets can see.
func (b *secretBook) checkNamespace(ctx context.Context, namespace string) error {
	if err := b.learnSecrets(ctx, namespace); err != nil {
		return err
	}
	objects, err := env.Kubectl(ctx, "-n", namespace, "get", "-o", "yaml",
		"lfsrepositories,events.events.k8s.io,configmaps,pods,deployments,replicasets,services,jobs,cronjobs")
	if err != nil {
		return err
	}
	pods, err := env.Kubectl(ctx, "-n", namespace, "get", "pods", "-o", "name")
	if err != nil {
		return err
	}
	for _, pod := range strings.Fields(pods) {
		for _, which := range []string{"--previous=false", "--previous=true"} {
			// A container that has not started, or never restarted, has no log.
			log, _ := env.Kubectl(ctx, "-n", namespace, "logs", pod, "--all-containers", which)
			if found := b.find(log); found != nil {
				return fmt.Errorf("the log of %s in %s holds: %s", pod, namespace, strings.Join(found, ", "))
			}
		}
	}
	if found := b.find(objects); found != nil {
		return fmt.Errorf("the objects, events or conditions in %s hold: %s", namespace, strings.Join(found, ", "))
	}
	return nil
}

func TestSecretBookFinds(t *testing.T) {
	t.Parallel()
	var b secretBook
	b.learn("correct horse battery staple", "passphrase")
	for name, text := range map[string]string{
		"plain":         "it is correct horse battery staple!",
		"base64":        "data: Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ==",
		"presigned URL": "PUT http://store/bucket/key?X-Amz-Signature=0123",
	} {
		if b.find(text) == nil {
			t.Errorf("%s: not found", name)
		}
	}
	if found := b.find("nothing here"); found != nil {
		t.Errorf("found %v in a text without secrets", found)
	}
}
