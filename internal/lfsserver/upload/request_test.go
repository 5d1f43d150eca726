package upload

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
)

func TestDecode(t *testing.T) {
	oid := strings.Repeat("a", 64)
	size := int64(3)
	for name, tc := range map[string]struct {
		body string
		want *Request
	}{
		"huggingface": {
			body: `{"oid":"` + oid + `","parts":[{"partNumber":1,"etag":"\"x\""},{"partNumber":2,"etag":"y"}]}`,
			want: &Request{OID: oid, Parts: []ClaimedPart{{1, "x"}, {2, "y"}}},
		},
		"kohakuhub": {
			body: `{"oid":"` + oid + `","size":3,"upload_id":"t","parts":[{"PartNumber":1,"ETag":"x"},{"partNumber":2,"etag":"y"}]}`,
			want: &Request{OID: oid, Size: &size, Upload: "t", Parts: []ClaimedPart{{1, "x"}, {2, "y"}}},
		},
		"proposal":        {body: `{"oid":"` + oid + `","size":3,"params":{"upload_id":"t"}}`, want: &Request{OID: oid, Size: &size, Upload: "t"}},
		"nothing":         {body: `{}`, want: &Request{}},
		"bad oid":         {body: `{"oid":"x"}`},
		"bad size":        {body: `{"size":-1}`},
		"parts no array":  {body: `{"parts":{}}`},
		"no JSON":         {body: `parts`},
		"number too long": {body: `{"parts":[{"partNumber":1e30}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Decode(strings.NewReader(tc.body))
			if (err == nil) != (tc.want != nil) {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error("-want +got\n" + diff)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"oid":"` + strings.Repeat("a", 64) + `","size":3,"upload_id":"t","parts":[{"PartNumber":1,"ETag":"x"}]}`))
	f.Add([]byte(`{"oid":3,"params":{"upload_id":"t"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := Decode(bytes.NewReader(body))
		if err != nil {
			if len(err.Error()) > 500 {
				t.Errorf("a client fills our message: %d bytes", len(err.Error()))
			}
			return
		}
		if (req.OID != "" && !batch.ValidOID(req.OID)) || (req.Size != nil && *req.Size < 0) {
			t.Errorf("accepted %+v", req)
		}
	})
}
