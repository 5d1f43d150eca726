package sweep

import (
	"net/http"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// TestRefusedDeletesNamePermission: the report says which permission is missing,
// nothing goes, and everything stays in quarantine.
func TestRefusedDeletesNamePermission(t *testing.T) {
	for versioned, permission := range map[bool]string{false: "(s3:DeleteObject)", true: "s3:DeleteObjectVersion"} {
		w := condemned(t)
		w.caps.Versioned = versioned
		o := w.options(w.scan())
		o.Do = func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusForbidden, Status: "403 Forbidden", Body: http.NoBody}, nil
		}
		rep, err := Run(t.Context(), o)
		if err == nil || rep.Outcome != serverstatus.GCFailed || !strings.Contains(rep.Message, permission) || rep.Deletes.Refused != 3 {
			t.Errorf("versioned %t: %v, %+v", versioned, err, rep.Deletes)
		}
		w.want("foreign v1 v2 v3 v4 v5")
		if got := w.entries(); got != "v1:condemned v2:condemned v3:condemned" {
			t.Errorf("index %s", got)
		}
	}
}
