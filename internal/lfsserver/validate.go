package lfsserver

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/derive"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/monitor"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/token"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// validate refuses a configuration that the server could not keep its promises
// with. The operator renders none of these; a hand may.
func validate(c *serverconfig.Config) error {
	var errs []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(c.Repository.UID != "" && c.Repository.Namespace != "" && c.Repository.Name != "",
		"repository: namespace, name and uid are required")
	want(c.Storage.Bucket != "", "storage.bucket is required")
	want(c.Storage.Region != "", "storage.region is required")
	want(c.Storage.Prefix == "" || strings.HasSuffix(c.Storage.Prefix, "/"), "storage.prefix: want \"\" or a final /")
	want(!strings.HasPrefix(c.Storage.Prefix, "/"), "storage.prefix: must not begin with /")
	want(c.Storage.MaxPutBytes >= 0, "storage.maxPutBytes: must not be negative")
	want(c.Transfer == "" || c.Transfer == serverconfig.TransferProxy, "transfer: want %q or nothing", serverconfig.TransferProxy)
	_, err := objectstore.EndpointFor(c.Storage, c.Storage.Endpoint)
	want(err == nil, "storage: %v", err)
	for i, e := range c.Endpoints {
		want(e.Scheme == "http" || e.Scheme == "https", "endpoints[%d].scheme: want http or https", i)
		want(e.Host != "" && !strings.ContainsAny(e.Host, "/ @?#"), "endpoints[%d].host: want host[:port]", i)
	}
	for i, rule := range c.Policy.SuffixRules {
		want(serverconfig.ValidSuffix(rule), "policy.suffixRules[%d]: want a suffix such as .bin", i)
	}
	signers := 0
	for i, k := range c.SigningKeys {
		want(k.ID != "" && !strings.ContainsAny(k.ID, "/\\"), "signingKeys[%d].id: want a file name", i)
		if k.Signs {
			signers++
		}
	}
	want(signers <= 1, "signingKeys: more than one signs")
	return errors.Join(errs...)
}

// signingKeys reads the keys that the configuration names. Without the one that
// signs nothing can be served; one that is only accepted may arrive later,
// since mounted files lag behind the configuration.
func signingKeys(want []serverconfig.SigningKey, have map[string][]byte) (*token.Keyring, *monitor.Problem) {
	var keys []token.Key
	var problem *monitor.Problem
	signer := ""
	for _, w := range want {
		secret, found := have[w.ID]
		genuine := found && derive.Fingerprint(secret) == strings.ToLower(w.Fingerprint)
		switch {
		case genuine:
			keys = append(keys, token.Key{ID: w.ID, Secret: secret})
			if w.Signs {
				signer = w.ID
			}
		case w.Signs && found:
			problem = &monitor.Problem{Reason: serverstatus.ReasonSigningKeysMismatched, Message: fmt.Sprintf(
				"Signing key %q is not the one that the configuration names. The operator will replace it; if it does not, delete the signing keys' Secret.", w.ID)}
		case w.Signs:
			problem = &monitor.Problem{Reason: serverstatus.ReasonSigningKeysMissing, Message: fmt.Sprintf(
				"Signing key %q has not been mounted (yet). The operator creates its Secret; mounted files follow within two minutes.", w.ID)}
		}
	}
	if signer == "" && problem == nil {
		problem = &monitor.Problem{Reason: serverstatus.ReasonSigningKeysMissing,
			Message: "The configuration names no key that signs."}
	}
	return token.NewKeyring(keys, signer), problem
}
