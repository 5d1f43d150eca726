package lfsserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/policy"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// maxSettingsBody in bytes; the longest that makes sense has 3 KB.
const maxSettingsBody = 64 << 10

// settingsAnswer is the policy in KohakuHub's words (docs/api/git-lfs.md, "Get
// Repository LFS Settings"): what the repository says itself, null where it says
// nothing; what applies; and where that comes from.
type settingsAnswer struct {
	settingsValues
	ThresholdEffective    int64            `json:"lfs_threshold_bytes_effective"`
	ThresholdSource       string           `json:"lfs_threshold_bytes_source"`
	KeepVersionsEffective int32            `json:"lfs_keep_versions_effective"`
	KeepVersionsSource    string           `json:"lfs_keep_versions_source"`
	SuffixRulesEffective  []string         `json:"lfs_suffix_rules_effective"`
	SuffixRulesSource     string           `json:"lfs_suffix_rules_source"`
	ServerDefaults        settingsDefaults `json:"server_defaults"`
}

// settingsValues are what can be set.
type settingsValues struct {
	Threshold    *int64   `json:"lfs_threshold_bytes"`
	KeepVersions *int32   `json:"lfs_keep_versions"`
	SuffixRules  []string `json:"lfs_suffix_rules"`
}

type settingsDefaults struct {
	Threshold    *int64   `json:"lfs_threshold_bytes"`
	KeepVersions *int32   `json:"lfs_keep_versions"`
	SuffixRules  []string `json:"lfs_suffix_rules_default"`
}

// settings shows the policy. To change it is not the server's business, which
// has no access to Kubernetes: a PUT is told who can.
func (s *Server) settings(c *call) error {
	c.info.operation = "settings"
	id, err := s.identify(c)
	if err != nil {
		return err
	}
	if err := permit(c, id, policy.Download); err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/json")
	if c.r.Method == http.MethodPut {
		return refuseSettings(c)
	}
	return writeJSON(c.w, http.StatusOK, settingsOf(c.config.Policy))
}

func settingsOf(p serverconfig.Policy) settingsAnswer {
	return settingsAnswer{
		settingsValues:     settingsValues{p.Own.ThresholdBytes, p.Own.KeepVersions, p.Own.SuffixRules},
		ThresholdEffective: p.ThresholdBytes, ThresholdSource: settingsSource(p.Sources["threshold"]),
		KeepVersionsEffective: p.KeepVersions, KeepVersionsSource: settingsSource(p.Sources["keepVersions"]),
		SuffixRulesEffective: p.SuffixRules, SuffixRulesSource: settingsSource(p.Sources["suffixRules"]),
		ServerDefaults: settingsDefaults{p.Defaults.ThresholdBytes, p.Defaults.KeepVersions, p.Defaults.SuffixRules},
	}
}

// settingsSource is a source in KohakuHub's words; a store is ours alone.
func settingsSource(source string) string {
	switch source {
	case serverconfig.SourceRepository:
		return "repository"
	case serverconfig.SourceMerged:
		return "merged"
	case serverconfig.SourceStore:
		return "store"
	}
	return "server_default"
}

// settingsRequest is the body of a PUT: null goes back to the default, what is
// not named stays as it is.
type settingsRequest struct {
	Threshold    setting[int64]    `json:"lfs_threshold_bytes"`
	KeepVersions setting[int32]    `json:"lfs_keep_versions"`
	SuffixRules  setting[[]string] `json:"lfs_suffix_rules"`
}

// setting tells null from absent.
type setting[T any] struct {
	named, valid bool
	value        *T
}

// UnmarshalJSON implements json.Unmarshaler and never fails.
func (s *setting[T]) UnmarshalJSON(b []byte) error {
	s.named, s.valid = true, json.Unmarshal(b, &s.value) == nil
	return nil
}

// into puts the setting into a patch; false when its value is none.
func (s *setting[T]) into(spec map[string]any, field string, valid func(T) bool) bool {
	if s.named {
		spec[field] = s.value
	}
	return !s.named || (s.valid && (s.value == nil || valid(*s.value)))
}

// refuseSettings answers a PUT with the command that does what it asks for.
func refuseSettings(c *call) error {
	var req settingsRequest
	if err := c.readJSON(maxSettingsBody, &req); err != nil {
		return err
	}
	patch, err := req.patch()
	if err != nil {
		return err
	}
	r := c.config.Repository
	return &statusError{
		status: http.StatusMethodNotAllowed, header: http.Header{"Allow": {http.MethodGet}},
		message: fmt.Sprintf("settings are fields of the LFSRepository, and this server has no access to Kubernetes; whoever may change it there can run: "+
			"kubectl -n %s patch lfsrepository %s --type=merge -p '%s'", r.Namespace, r.Name, patch),
	}
}

// patch is the merge patch (RFC 7396) that a request asks for. It stands between
// single quotes in a shell: no value that passes here can hold one.
func (r *settingsRequest) patch() ([]byte, error) {
	spec := map[string]any{}
	switch {
	case !r.Threshold.into(spec, "threshold", func(n int64) bool { return n >= 1 }):
		return nil, badRequest("lfs_threshold_bytes: want a whole number of at least 1, or null")
	case !r.KeepVersions.into(spec, "keepVersions", func(n int32) bool { return n >= 1 && n <= 1000 }):
		return nil, badRequest("lfs_keep_versions: want a whole number from 1 to 1000, or null")
	case !r.SuffixRules.into(spec, "suffixRules", validSuffixes):
		return nil, badRequest("lfs_suffix_rules: want at most 64, each of letters, digits, _ and - behind a dot, such as .safetensors, or null")
	case len(spec) == 0:
		return nil, badRequest("name at least one of lfs_threshold_bytes, lfs_keep_versions and lfs_suffix_rules")
	}
	return json.Marshal(map[string]any{"spec": spec})
}

func validSuffixes(rules []string) bool {
	return len(rules) <= 64 && !slices.ContainsFunc(rules, func(r string) bool { return !serverconfig.ValidSuffix(r) })
}
