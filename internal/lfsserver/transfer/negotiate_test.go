package transfer

import "testing"

const (
	gitAgent = "git-lfs/3.8.1 (GitHub; linux amd64; go 1.26)"
	hfAgent  = "unknown/None; hf_hub/1.29; python/3.12"
)

func TestNegotiation(t *testing.T) {
	const small, large = 10, 1000
	for name, tc := range map[string]struct {
		transfers []string
		agent     string
		largest   int64
		override  Override
		query     bool
		want      string
	}{
		"giftless":                              {transfers: []string{"multipart-basic", "basic"}, agent: "python-requests/2", largest: large, want: "giftless"},
		"giftless, small":                       {transfers: []string{"basic", "multipart-basic"}, agent: "python-requests/2", largest: small, want: "giftless"},
		"git-lfs that calls itself giftless":    {transfers: []string{"multipart-basic", "basic"}, agent: gitAgent, largest: large, want: "basic"},
		"stock git-lfs":                         {transfers: []string{"lfs-standalone-file", "basic", "ssh"}, agent: gitAgent, largest: large, want: "basic"},
		"git-lfs with an agent":                 {transfers: []string{"ssh", "multipart", "basic"}, agent: gitAgent, largest: large, want: "huggingface"},
		"git-lfs with an agent, small":          {transfers: []string{"ssh", "multipart", "basic"}, agent: gitAgent, largest: small, want: "basic"},
		"git-lfs with tus":                      {transfers: []string{"tus", "basic", "ssh"}, agent: gitAgent, largest: large, want: "tus"},
		"git-lfs with tus, small":               {transfers: []string{"tus", "basic", "ssh"}, agent: gitAgent, largest: small, want: "basic"},
		"git-lfs with tus and an agent":         {transfers: []string{"tus", "multipart", "basic"}, agent: gitAgent, largest: large, want: "huggingface"},
		"tus by another":                        {transfers: []string{"tus", "basic"}, agent: "x", largest: large, want: "basic"},
		"at the threshold":                      {transfers: []string{"multipart"}, agent: gitAgent, largest: 100, want: "basic"},
		"git-lfs by its transfers":              {transfers: []string{"ssh", "multipart"}, agent: "other", largest: large, want: "huggingface"},
		"huggingface_hub":                       {transfers: []string{"basic", "multipart"}, agent: hfAgent, largest: large, want: "superset"},
		"huggingface_hub, small, store checks":  {transfers: []string{"basic", "multipart"}, agent: hfAgent, largest: small, query: true, want: "bare"},
		"huggingface_hub, small, store doesn't": {transfers: []string{"basic", "multipart"}, agent: hfAgent, largest: small, want: "superset"},
		"npm":                                   {transfers: []string{"basic", "multipart", "xet"}, agent: "node", largest: large, want: "superset"},
		"nothing said":                          {agent: "curl/8", largest: large, want: "basic"},

		"KohakuHub's script":                    {transfers: []string{"basic"}, agent: "python-requests/2", largest: small, override: ForceKohakuHub, want: "kohakuhub"},
		"stock git-lfs beside it":               {transfers: []string{"basic", "ssh"}, agent: gitAgent, largest: large, override: ForceKohakuHub, want: "basic"},
		"an agent beside it":                    {transfers: []string{"basic", "multipart", "ssh"}, agent: gitAgent, largest: large, override: ForceKohakuHub, want: "huggingface"},
		"Hugging Face alone":                    {transfers: []string{"basic", "multipart"}, agent: hfAgent, largest: large, override: ForceHuggingFace, want: "huggingface"},
		"Hugging Face alone, small":             {transfers: []string{"basic", "multipart"}, agent: hfAgent, largest: small, override: ForceHuggingFace, want: "huggingface"},
		"Hugging Face, small, store checks":     {transfers: []string{"basic", "multipart"}, agent: hfAgent, largest: small, override: ForceHuggingFace, query: true, want: "bare"},
		"git-lfs with the transfer built in":    {transfers: []string{"basic", "multipart"}, agent: gitAgent, largest: large, override: ForceProposal, want: "proposal"},
		"the proposal, small":                   {transfers: []string{"basic", "multipart"}, agent: "x", largest: small, override: ForceProposal, want: "basic"},
		"tus beside it":                         {transfers: []string{"tus", "basic"}, agent: gitAgent, largest: large, override: ForceKohakuHub, want: "tus"},
		"stock git-lfs beside the proposal":     {transfers: []string{"basic", "ssh"}, agent: gitAgent, largest: large, override: ForceProposal, want: "basic"},
		"giftless's client beside it":           {transfers: []string{"multipart-basic"}, agent: "x", largest: large, override: ForceProposal, want: "giftless"},
		"an override that nobody ever heard of": {transfers: []string{"basic", "multipart"}, agent: hfAgent, largest: large, override: "S3", want: "superset"},
	} {
		t.Run(name, func(t *testing.T) {
			r := Rules{Override: tc.override, Threshold: 100, PartSize: 50, QuerySHA256: tc.query}
			o := Offer{Transfers: tc.transfers, UserAgent: tc.agent, Largest: tc.largest}
			d := r.ForUpload(o)
			if d.Label() != tc.want {
				t.Errorf("got %s, want %s", d.Label(), tc.want)
			}
			if d.Name() != NameBasic && !o.Has(d.Name()) {
				t.Errorf("answers %q, which the client did not offer", d.Name())
			}
			if got := r.ForDownload(o).Label(); got != "basic" {
				t.Errorf("download: %s", got)
			}
		})
	}
}
