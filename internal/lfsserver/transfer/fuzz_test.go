package transfer

import (
	"strings"
	"testing"
	"time"
)

// FuzzOffer: no client gets a transfer that it did not offer, and git-lfs no array
// among its actions unless the configuration wants that.
func FuzzOffer(f *testing.F) {
	f.Add("basic,multipart", hfAgent, int64(1000), "", true)
	f.Add("ssh,multipart,lfs-standalone-file,tus", gitAgent, int64(1000), "Proposal", false)
	f.Add("multipart-basic", "", int64(0), "KohakuHub", false)
	f.Fuzz(func(t *testing.T, transfers, agent string, largest int64, override string, query bool) {
		o := Offer{UserAgent: agent, Largest: largest}
		if transfers != "" {
			o.Transfers = strings.Split(transfers, ",")
		}
		r := Rules{Override: Override(override), Threshold: 100, PartSize: 50, QuerySHA256: query}
		d := r.ForUpload(o)
		if d.Name() != NameBasic && !o.Has(d.Name()) {
			t.Errorf("%+v gets %q, which it did not offer", o, d.Name())
		}
		switch d.(type) {
		case Proposal, Giftless, Superset:
			if o.isGit() && r.Override != ForceProposal {
				t.Errorf("%+v is git-lfs and gets %s", o, d.Label())
			}
		}
		if got := r.ForDownload(o); got.Name() != NameBasic {
			t.Errorf("a download by %q", got.Name())
		}
	})
}

// FuzzLifetime: links live within their limits, whatever size a client claims.
func FuzzLifetime(f *testing.F) {
	for _, size := range []int64{0, 1, 5 << 40, 1<<63 - 1} {
		f.Add(size)
	}
	f.Fuzz(func(t *testing.T, size int64) {
		if size < 0 {
			return
		}
		if d := Lifetime(size); d < MinLifetime || d > MaxLifetime {
			t.Errorf("%d bytes: links live %v", size, d)
		}
		if d := VerifyAfter(size); d < time.Minute || d > MaxLifetime {
			t.Errorf("%d bytes: %v to verify", size, d)
		}
	})
}
