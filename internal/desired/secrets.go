package desired

import (
	"fmt"
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lfs-operator/lfs-operator/internal/derive"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// secretFormat changes when the keys of Secrets do, so that all are made anew.
const secretFormat = "1"

// Secret is a Secret with what the operator, which cannot read it, must remember.
type Secret struct {
	Object *corev1.Secret
	// Revision names the content without giving it away.
	Revision string
	// TokenGeneration of the token in it, or of the newest key; 0 where there is
	// none.
	TokenGeneration int64
	// Unique: nobody else has a Secret of this name, which is made from the
	// repository's UID.
	Unique bool
}

// Name of the Secret.
func (s Secret) Name() string { return s.Object.Name }

// Secrets are all Secrets of a repository: one per token, the signing keys and
// the scan token.
func Secrets(in Inputs) []Secret {
	var out []Secret
	for _, token := range in.Credentials.Tokens {
		out = append(out, accessSecret(in, token))
	}
	return append(out, keysSecret(in), scanSecret(in))
}

// TokenSecret names the Secret that holds a token.
func TokenSecret(repository, token string) string {
	if token == DefaultToken {
		return AccessSecretName(repository)
	}
	return TokenSecretName(repository, token)
}

// accessSecret is for people and their tools: URL and token, each also in the
// form that can be pasted into a file of git.
func accessSecret(in Inputs, token Token) Secret {
	endpoints := in.EndpointStatus()
	var urls []string
	for _, e := range endpoints {
		urls = append(urls, e.URL)
	}
	data := map[string]string{
		"url":             urls[0],
		"username":        token.Name,
		"password":        token.Value,
		"git-credentials": gitCredentials(urls, token),
		"netrc":           netrc(urls, token),
		"lfsconfig":       "[lfs]\n\turl = " + urls[0] + "\n",
	}
	revision := hashOf([]any{secretFormat, urls, token.Name, serverconfig.TokenHash(token.Value)})
	return Secret{
		Object:          secret(in, in.Tenant(), TokenSecret(in.Repository.Name, token.Name), ComponentAccess, data),
		Revision:        revision,
		TokenGeneration: token.Generation,
	}
}

// keysSecret holds one file per signing key, named by its ID.
func keysSecret(in Inputs) Secret {
	at := in.Server()
	s := secret(in, at, KeysSecretName(at.Base), ComponentServer, nil)
	s.Data = map[string][]byte{}
	var newest int64
	for _, key := range in.Credentials.SigningKeys {
		s.Data[key.ID] = key.Key
		newest = max(newest, key.Generation)
	}
	return Secret{
		Object: s, Revision: KeysRevision(in.Credentials.SigningKeys), TokenGeneration: newest,
		Unique: at.Namespace != in.Repository.Namespace,
	}
}

// KeysRevision names the content of the Secret with these keys; which of them
// signs makes no difference to it.
func KeysRevision(keys []SigningKey) string {
	what := []string{secretFormat}
	for _, key := range keys {
		what = append(what, key.ID, derive.Fingerprint(key.Key))
	}
	return hashOf(what)
}

// scanSecret holds the token that scans report with.
func scanSecret(in Inputs) Secret {
	token := in.Credentials.ScanToken
	return Secret{
		Object:   secret(in, in.Tenant(), ScanSecretName(in.Repository), ComponentGC, map[string]string{"token": token}),
		Revision: hashOf([]string{secretFormat, serverconfig.TokenHash(token)}),
		Unique:   true,
	}
}

func secret(in Inputs, at Place, name, component string, data map[string]string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name:            name,
			Namespace:       at.Namespace,
			Labels:          in.labels(at, component),
			OwnerReferences: in.ownersOfCreated(at),
		},
		Type:       corev1.SecretTypeOpaque,
		StringData: data,
	}
}

// gitCredentials is a line per URL for git's credential store. The path is part
// of it, so that several repositories on one host can be told apart with
// credential.useHttpPath; without it git ignores the path.
func gitCredentials(urls []string, token Token) string {
	var b strings.Builder
	for _, raw := range urls {
		u, err := url.Parse(raw)
		if err != nil {
			continue // hosts are validated by the schema
		}
		u.User = url.UserPassword(token.Name, token.Value)
		fmt.Fprintln(&b, u)
	}
	return b.String()
}

// netrc is an entry per host; a port cannot be said there.
func netrc(urls []string, token Token) string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, raw := range urls {
		u, err := url.Parse(raw)
		if err != nil || seen[u.Hostname()] {
			continue
		}
		seen[u.Hostname()] = true
		fmt.Fprintf(&b, "machine %s\nlogin %s\npassword %s\n", u.Hostname(), token.Name, token.Value)
	}
	return b.String()
}
