package desired

import (
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/derive"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// ServerConfig is the configuration of the repository's server.
//
// It does not name the LFSRepository's generation: a change of, say, the number
// of replicas would then be a new configuration, and the repository not Ready
// until every server had loaded it.
func ServerConfig(in Inputs) *serverconfig.Config {
	history := historyConfig(in.Repository)
	config := &serverconfig.Config{
		Repository:      repositoryConfig(in.Repository),
		Storage:         storageConfig(in),
		Endpoints:       in.Endpoints(),
		Policy:          policyConfig(in),
		Multipart:       multipartConfig(in),
		Transfer:        transferConfig(in),
		Access:          accessConfig(in),
		StatusTokenHash: serverconfig.TokenHash(in.Credentials.StatusToken),
		ScanTokenHash:   serverconfig.TokenHash(in.Credentials.ScanToken),
		History:         history,
		GC:              gcConfig(in),
		AdoptFrom:       adoptConfig(in),
	}
	for _, key := range in.Credentials.SigningKeys {
		config.SigningKeys = append(config.SigningKeys, serverconfig.SigningKey{
			ID: key.ID, Fingerprint: derive.Fingerprint(key.Key), Signs: key.Signs,
		})
	}
	if s := in.Repository.Spec.Server; s != nil && s.AuditLog == v1alpha1.AuditLogDisabled {
		config.AuditDisabled = true
	}
	if len(history) > 0 {
		config.HistoryRevision = hashOf(history)
	}
	if in.sessions() {
		config.Storage = sessionStorage(in)
	}
	return config
}

// sessionStorage is for those who hold sessions of the issuer.
func sessionStorage(in Inputs) serverconfig.Storage {
	storage := storageConfig(in)
	storage.Sessions, storage.WebIdentity = sessionsConfig(in), nil // the role is the issuer's
	return storage
}

// scanConfig is what a scan needs beside the tenant: nothing of the store.
func scanConfig(in Inputs) *serverconfig.Config {
	config := &serverconfig.Config{
		Repository: repositoryConfig(in.Repository), History: historyConfig(in.Repository),
		Policy: serverconfig.Policy{ThresholdBytes: in.Policy.Threshold.Value.Value(), SuffixRules: in.Policy.SuffixRules.Value},
	}
	if gc := in.Repository.Spec.GC; gc != nil {
		config.GC.ReportLargeFiles = ptr.Deref(gc.ReportLargeFiles, false)
	}
	if len(config.History) > 0 {
		config.HistoryRevision = hashOf(config.History)
	}
	return config
}

func repositoryConfig(repo *v1alpha1.LFSRepository) serverconfig.Repository {
	return serverconfig.Repository{Namespace: repo.Namespace, Name: repo.Name, UID: string(repo.UID)}
}

func storageConfig(in Inputs) serverconfig.Storage {
	storage, secret := in.storage(), ""
	if storage.CredentialsSecretRef != nil {
		secret = storage.CredentialsSecretRef.Name
	}
	return serverconfig.Storage{
		Endpoint:        in.Location.Endpoint,
		PublicEndpoint:  firstOf(storage.PublicEndpoint, in.Location.Endpoint),
		Region:          firstOf(storage.Region, v1alpha1.DefaultRegion),
		VirtualHosted:   storage.AddressingStyle == v1alpha1.AddressingVirtualHosted,
		Bucket:          in.Location.Bucket,
		CreateBucket:    storage.CreateBucket,
		Prefix:          in.Location.Prefix,
		CredentialsName: secret,
		WebIdentity:     webIdentityConfig(in),
		CA:              storage.CASecretRef != nil,
		Encryption:      encryptionConfig(storage.Encryption),
		MaxPutBytes:     maxPut(in.Repository),

		CredentialsNamespace: in.Location.ServerNamespace,
	}
}

func encryptionConfig(e *v1alpha1.Encryption) *serverconfig.Encryption {
	if e == nil {
		return nil
	}
	return &serverconfig.Encryption{Type: string(e.Type), KMSKeyID: e.KMSKeyID}
}

// maxPut in bytes, 0 where the annotation says nothing that makes sense.
func maxPut(repo *v1alpha1.LFSRepository) int64 {
	q, err := resource.ParseQuantity(repo.Annotations[v1alpha1.AnnotationMaxPutSize])
	if n := q.Value(); err == nil && n >= 5<<20 && n < 5<<30 {
		return n
	}
	return 0
}

// transferConfig is empty where bytes go between client and store.
func transferConfig(in Inputs) string {
	if t := in.Policy.Transfer; t != nil && t.Value == string(v1alpha1.TransferProxy) {
		return serverconfig.TransferProxy
	}
	return ""
}

func policyConfig(in Inputs) serverconfig.Policy {
	p, spec := in.Policy, in.Repository.Spec
	out := serverconfig.Policy{
		ThresholdBytes: p.Threshold.Value.Value(),
		SuffixRules:    p.SuffixRules.Value,
		KeepVersions:   p.KeepVersions.Value,
		Sources:        policySources(p),
		Own:            serverconfig.PolicyValues{SuffixRules: spec.SuffixRules, KeepVersions: spec.KeepVersions},
		Defaults:       policyDefaults(in.Store),
		ReadOnly:       in.Store != nil && in.Store.Spec.ReadOnly,
	}
	if spec.Threshold != nil {
		out.Own.ThresholdBytes = new(spec.Threshold.Value())
	}
	if p.Quota != nil {
		out.QuotaBytes = p.Quota.Value.Value()
	}
	return out
}

// policyDefaults are what a repository gets that says nothing.
func policyDefaults(store *v1alpha1.LFSStore) serverconfig.PolicyValues {
	var layer *v1alpha1.PolicyDefaults
	if store != nil {
		layer = store.PolicyDefaults()
	}
	p := v1alpha1.ResolvePolicy(&v1alpha1.LFSRepository{}, layer)
	return serverconfig.PolicyValues{
		ThresholdBytes: new(p.Threshold.Value.Value()),
		SuffixRules:    p.SuffixRules.Value,
		KeepVersions:   new(p.KeepVersions.Value),
	}
}

// policySources names the source of each value by the path of its field.
func policySources(p v1alpha1.EffectivePolicy) map[string]string {
	out := map[string]string{
		"threshold":           string(p.Threshold.Source),
		"suffixRules":         string(p.SuffixRules.Source),
		"keepVersions":        string(p.KeepVersions.Source),
		"gc.mode":             string(p.GCMode.Source),
		"gc.schedule":         string(p.Schedule.Source),
		"gc.gracePeriod":      string(p.GracePeriod.Source),
		"gc.quarantine":       string(p.Quarantine.Source),
		"gc.deleteLimit":      string(p.DeleteLimit.Source),
		"multipart.threshold": string(p.MultipartThreshold.Source),
		"multipart.partSize":  string(p.PartSize.Source),
	}
	if p.Quota != nil {
		out["quota"] = string(p.Quota.Source)
	}
	if p.OrphanAfter != nil {
		out["gc.orphanAfter"] = string(p.OrphanAfter.Source)
	}
	return out
}

func multipartConfig(in Inputs) serverconfig.Multipart {
	dialect := string(v1alpha1.DialectAuto)
	if m := in.Repository.Spec.Multipart; m != nil && m.Dialect != "" {
		dialect = string(m.Dialect)
	}
	return serverconfig.Multipart{
		ThresholdBytes: in.Policy.MultipartThreshold.Value.Value(),
		PartSizeBytes:  in.Policy.PartSize.Value.Value(),
		Dialect:        dialect,
	}
}

// accessConfig names tokens by their hashes. The generation before the current
// one stays until the next rotation; the server looks at its expiry.
func accessConfig(in Inputs) serverconfig.Access {
	var out serverconfig.Access
	if a := in.Repository.Spec.Access; a != nil {
		out.AnonymousRead = a.AnonymousRead
		if a.Kubernetes != nil {
			out.Kubernetes = &serverconfig.KubernetesAccess{Audience: firstOf(a.Kubernetes.Audience, in.Repository.Audience())}
		}
		if a.JWT != nil {
			for _, issuer := range a.JWT.Issuers {
				if in.Apart() && issuer.SecretRef() != nil {
					continue // the Secret is not where the server runs
				}
				out.JWT = append(out.JWT, jwtIssuer(in.Repository, issuer))
			}
		}
	}
	for _, t := range in.Credentials.Tokens {
		out.Tokens = append(out.Tokens, serverconfig.Token{
			Name: t.Name, Scope: string(t.Scope), SHA256: serverconfig.TokenHash(t.Value), ExpiresAt: t.ExpiresAt,
		})
		if t.Previous == "" {
			continue
		}
		until := t.PreviousUntil
		if t.ExpiresAt != nil && t.ExpiresAt.Before(*until) {
			until = t.ExpiresAt
		}
		out.Tokens = append(out.Tokens, serverconfig.Token{
			Name: t.Name, Scope: string(t.Scope), SHA256: serverconfig.TokenHash(t.Previous), ExpiresAt: until,
		})
	}
	return out
}

// jwtIssuer of an OpenID Connect issuer, whose tokens many accept, insists on an
// audience; whoever holds a static key makes tokens as they like.
func jwtIssuer(repo *v1alpha1.LFSRepository, issuer v1alpha1.JWTIssuer) serverconfig.JWTIssuer {
	out := serverconfig.JWTIssuer{
		Name: issuer.Name, URL: issuer.URL, Audiences: issuer.Audiences,
		AudienceRequired: issuer.URL != "" || len(issuer.Audiences) > 0,
	}
	if len(out.Audiences) == 0 {
		out.Audiences = []string{repo.Audience()}
	}
	if secret := issuer.SecretRef(); secret != nil {
		out.SecretName, out.CA = secret.Name, issuer.URL != ""
	}
	for _, rule := range issuer.Rules {
		r := serverconfig.JWTRule{Scope: string(rule.Scope)}
		for _, claim := range rule.Claims {
			r.Claims = append(r.Claims, serverconfig.JWTClaim{Name: claim.Name, Values: claim.Values})
		}
		out.Rules = append(out.Rules, r)
	}
	return out
}

func historyConfig(repo *v1alpha1.LFSRepository) []serverconfig.History {
	var out []serverconfig.History
	for _, entry := range repo.Spec.History {
		h := serverconfig.History{Name: entry.Name, URL: entry.URL}
		if entry.SecretRef != nil {
			h.SecretName = entry.SecretRef.Name
		}
		out = append(out, h)
	}
	return out
}

func gcConfig(in Inputs) serverconfig.GC {
	p := in.Policy
	out := serverconfig.GC{
		Mode:               p.GCMode.Value,
		Schedule:           p.Schedule.Value,
		GracePeriod:        p.GracePeriod.Value.Duration.String(),
		Quarantine:         p.Quarantine.Value.Duration.String(),
		DeleteLimitPercent: percent(p.DeleteLimit.Value),
		Suspended:          in.SuspendsGC(),
	}
	if p.OrphanAfter != nil {
		out.OrphanAfter = p.OrphanAfter.Value.Duration.String()
	}
	if gc := in.Repository.Spec.GC; gc != nil {
		out.TimeZone, out.ReportLargeFiles = gc.TimeZone, ptr.Deref(gc.ReportLargeFiles, false)
		for _, rule := range gc.Rules {
			out.Rules = append(out.Rules, gcRule(rule))
		}
	}
	return out
}

func gcRule(rule v1alpha1.GCRule) serverconfig.GCRule {
	out := serverconfig.GCRule{Path: rule.Path, Suffix: rule.Suffix, Versions: rule.Keep.Versions}
	if rule.Keep.Age != nil {
		out.Age = rule.Keep.Age.Duration.String()
	}
	if rule.Keep.All != nil {
		out.All = *rule.Keep.All
	}
	return out
}

// percent reads "50%". The schema admits nothing else; what it might miss one
// day must not turn into "delete everything", so it is 0.
func percent(s string) int {
	n, err := strconv.Atoi(strings.TrimSuffix(s, "%"))
	if err != nil {
		return 0
	}
	return n
}
